// One question at a time: who asks anew drops what was asked before, and an answer that comes too late is not shown.

import { Refused, Unreachable, ask } from "./api.js";

const PATIENCE = 5; // how often a server that is busy is asked again without being told to
const LONGEST_WAIT = 15; // seconds between two attempts to reach a server that is gone

export class Latest {
  /** `onTrouble(error, retryNow)` is told that a question waits to be asked again, and `onTrouble(null)` when that is over. */
  constructor(onTrouble) {
    this.onTrouble = onTrouble;
    this.controller = null;
  }

  /** Drop what is being asked. */
  stop() {
    this.controller?.abort();
    this.controller = null;
  }

  /** Ask until there is an answer. Returns null if something else was asked meanwhile; throws `Refused`. */
  async ask(path, parameters) {
    this.stop();
    const { signal } = (this.controller = new AbortController());
    for (let attempt = 0; ; attempt += 1) {
      try {
        const answer = await ask(path, parameters, signal);
        if (signal.aborted) return null;
        this.onTrouble(null);
        return answer;
      } catch (error) {
        if (signal.aborted) return null;
        const seconds = waitAfter(error, attempt);
        if (seconds === null) {
          this.onTrouble(null);
          throw error;
        }
        await this.wait(error, seconds, signal);
        if (signal.aborted) return null;
      }
    }
  }

  wait(error, seconds, signal) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, seconds * 1000);
      const now = () => {
        clearTimeout(timer);
        resolve();
      };
      signal.addEventListener("abort", now, { once: true });
      addEventListener("online", now, { once: true, signal });
      this.onTrouble(error, now);
    });
  }
}

function waitAfter(error, attempt) {
  if (error instanceof Unreachable) return Math.min(LONGEST_WAIT, 2 ** attempt);
  if (error instanceof Refused && error.passes && attempt < PATIENCE) return Math.min(error.retryAfter ?? 2, 60);
  return error instanceof Refused ? null : raise(error);
}

function raise(error) {
  throw error;
}
