// When what is being written is asked: words as they are complete, not each of their letters.

const PAUSE = 250; // milliseconds without a key, after which is asked: most people write on within a word before that
const APART = 400; // milliseconds between two questions that did not wait for a pause

export class Typing {
  /** `ask()` asks what stands in the box; `written()` is told of each change. */
  constructor(box, ask, written) {
    this.ask = ask;
    this.timer = 0;
    this.askedAt = -APART;
    let composing = false;
    const soon = () => {
      this.stop();
      written();
      if (composing) return;
      const isWord = /\S\s$/.test(box.value) && performance.now() - this.askedAt > APART;
      this.timer = setTimeout(() => this.now(), isWord ? 0 : PAUSE);
    };
    box.addEventListener("compositionstart", () => {
      composing = true; // what is not yet a word is no question
      this.stop();
    });
    box.addEventListener("compositionend", () => {
      composing = false;
      soon();
    });
    box.addEventListener("input", soon);
  }

  /** Whether something was written that was not asked yet. */
  get waits() {
    return this.timer !== 0;
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = 0;
  }

  now() {
    this.stop();
    this.askedAt = performance.now();
    this.ask();
  }
}
