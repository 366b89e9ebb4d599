import MarkdownIt from 'markdown-it'

const markdown = new MarkdownIt({ html: false, linkify: true })

/** Notes by name, as Markdown; the rendered form is made when it is asked for. */
export class Notes {
  #texts = new Map([['welcome', '# Welcome\n\nThis note was **rendered** by the service.']])

  names() {
    return [...this.#texts.keys()].sort()
  }

  put(name, text) {
    this.#texts.set(name, text)
  }

  html(name) {
    const text = this.#texts.get(name)
    return text === undefined ? undefined : markdown.render(text)
  }
}
