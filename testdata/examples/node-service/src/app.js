import express from 'express'
import helmet from 'helmet'
import { Notes } from './notes.js'

/** The service: a list of notes, one note, a new note, and whether all is well. */
export function createApp(publicFolder, notes = new Notes()) {
  const app = express()
  app.use(helmet())
  app.use(express.text({ type: 'text/*', limit: '64kb' }))
  app.get('/healthz', (_request, response) => response.json({ ok: true, notes: notes.names().length }))
  app.get('/notes', (_request, response) => response.json(notes.names()))
  app.get('/notes/:name', (request, response) => {
    const html = notes.html(request.params.name)
    if (html === undefined) response.status(404).json({ error: 'no such note' })
    else response.type('html').send(html)
  })
  app.put('/notes/:name', (request, response) => {
    notes.put(request.params.name, String(request.body))
    response.status(204).end()
  })
  app.use(express.static(publicFolder))
  return app
}
