import { join } from 'node:path'
import process from 'node:process'
import { createApp } from './app.js'

const port = Number(process.env.PORT ?? 8080)
const server = createApp(join(process.cwd(), 'public')).listen(port, '127.0.0.1', () => console.log(`listening on ${port}`))
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => server.close(() => process.exit(0)))
