// Browsers start no worker from a file on disk: the search's runs in a hidden frame instead, with a worker's messages.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(script) {
      super()
      this.waiting = []
      const told = (event) => {
        if (event.source === this.frame.contentWindow) {
          const message = new MessageEvent("message", { data: event.data })
          this.dispatchEvent(message)
          if (this.onmessage) this.onmessage(message)
        }
      }
      addEventListener("message", told)
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      this.frame.srcdoc = `<script>
        var told = window.parent
        window.postMessage = (data) => told.postMessage(data, "*")
        window.importScripts = (...scripts) => Promise.all(scripts.map((each) => new Promise((done) => {
          const script = document.createElement("script")
          script.src = each
          script.onload = script.onerror = done
          document.head.append(script)
        })))
      </script><script src="${new URL(script, location.href)}"></script>`
      this.frame.onload = () => {
        const waiting = this.waiting
        this.waiting = null
        waiting.forEach((data) => this.postMessage(data))
      }
      document.body.append(this.frame)
    }

    postMessage(data) {
      if (this.waiting) this.waiting.push(data)
      else this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data }))
    }

    terminate() {
      this.frame.remove()
    }
  }
}
