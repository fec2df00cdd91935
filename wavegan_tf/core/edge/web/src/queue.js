// What waits for the worker, which makes one sound at a time: the highest priority next, and the latest of equals.

export class Queue {
  constructor() {
    this.waiting = [];
    this.count = 0;
  }

  get length() {
    return this.waiting.length;
  }

  // Adds a job {priority, key, reject, ...}. One that waits with the same key is rejected: it is not wanted any more.
  add(job) {
    if (job.key != null) this.drop((other) => other.key === job.key);
    this.waiting.push({ ...job, order: this.count++ });
  }

  // Takes the next job out.
  next() {
    if (!this.waiting.length) return null;
    const best = this.waiting.reduce((a, b) => (
      b.priority > a.priority || (b.priority === a.priority && b.order > a.order) ? b : a
    ));
    this.waiting.splice(this.waiting.indexOf(best), 1);
    return best;
  }

  // Rejects and removes those for which test(job) holds; their error's name is "AbortError".
  drop(test) {
    const dropped = this.waiting.filter(test);
    this.waiting = this.waiting.filter((job) => !dropped.includes(job));
    for (const job of dropped) job.reject(new DOMException("replaced by a later request", "AbortError"));
  }
}

export const isCancelled = (error) => error?.name === "AbortError";
