"use strict";
// A list of any length: only what can be seen is in the document. Cells have places, and one of them is current.

class List {
  constructor(box, paint, toggle, describe) {
    this.box = box;
    this.paint = paint;
    this.toggle = toggle;
    this.describe = describe;
    this.cells = [];
    this.current = -1;
    this.sizer = box.appendChild(document.createElement("div"));
    this.sizer.setAttribute("role", "presentation");
    box.addEventListener("scroll", () => this.refresh());
    box.addEventListener("keydown", (event) => this.key(event));
    box.addEventListener("click", (event) => this.click(event));
    // What is clicked must not be drawn anew in between, or there is no click.
    box.addEventListener("pointerdown", () => { this.isPointed = true; });
    box.addEventListener("focus", () => { if (!this.isPointed && this.current < 0) this.go(0); });
  }

  // Cells are in the order in which they are read, each with x, y, width and height.
  show(cells, height) {
    this.cells = cells;
    this.current = Math.min(this.current, cells.length - 1);
    this.sizer.style.height = `${height}px`;
    this.draw();
  }

  top() {
    this.current = -1;
    this.box.scrollTop = 0;
  }

  refresh() {
    if (this.waits) return;
    this.waits = true;
    requestAnimationFrame(() => { this.waits = false; this.draw(); });
  }

  draw() {
    const from = this.box.scrollTop - 300, to = this.box.scrollTop + this.box.clientHeight + 300;
    const shown = [];
    for (let at = this.firstBelow(from); at < this.cells.length && this.cells[at].y < to; at++) {
      shown.push(this.element(at));
    }
    if (this.current >= 0 && !shown.some((each) => each.id === this.idOf(this.current))) {
      shown.push(this.element(this.current));
    }
    this.sizer.replaceChildren(...shown);
    if (this.current >= 0) this.box.setAttribute("aria-activedescendant", this.idOf(this.current));
    else this.box.removeAttribute("aria-activedescendant");
  }

  idOf(at) { return `cell-${at}`; }

  element(at) {
    const cell = this.cells[at], element = document.createElement("div");
    element.id = this.idOf(at);
    element.setAttribute("role", "option");
    element.setAttribute("aria-setsize", this.cells.length);
    element.setAttribute("aria-posinset", at + 1);
    element.setAttribute("aria-selected", at === this.current);
    for (const [name, value] of [["left", cell.x], ["top", cell.y], ["width", cell.width], ["height", cell.height]]) {
      element.style[name] = `${value}px`;
    }
    this.paint(element, cell);
    return element;
  }

  // The first cell that ends below a height; cells of one line have the same height.
  firstBelow(height) {
    let low = 0, high = this.cells.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.cells[middle].y + this.cells[middle].height < height) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  go(at) {
    if (!this.cells.length) return;
    this.current = Math.max(0, Math.min(at, this.cells.length - 1));
    const cell = this.cells[this.current], end = cell.y + cell.height;
    if (cell.y < this.box.scrollTop) this.box.scrollTop = cell.y;
    else if (end > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = end - this.box.clientHeight;
    this.draw();
    this.describe(cell);
  }

  // The nearest cell of the next line, or of the one before.
  beside(step) {
    const cell = this.cells[this.current];
    let at = this.current;
    while (this.cells[at] && this.cells[at].y === cell.y) at += step;
    if (!this.cells[at]) return this.current;
    const line = this.cells[at].y;
    let best = at;
    for (; this.cells[at] && this.cells[at].y === line; at += step) {
      if (Math.abs(this.cells[at].x - cell.x) < Math.abs(this.cells[best].x - cell.x)) best = at;
    }
    return best;
  }

  page(step) {
    let at = Math.max(this.current, 0);
    const wanted = this.cells[at].y + step * this.box.clientHeight;
    while (this.cells[at + step] && (this.cells[at].y - wanted) * step < 0) at += step;
    return at;
  }

  key(event) {
    if (!this.cells.length || event.ctrlKey || event.altKey || event.metaKey) return;
    const at = Math.max(this.current, 0);
    const moves = {
      ArrowDown: () => this.current < 0 ? 0 : this.beside(1), ArrowUp: () => this.beside(-1),
      ArrowRight: () => at + 1, ArrowLeft: () => at - 1, Home: () => 0, End: () => this.cells.length - 1,
      PageDown: () => this.page(1), PageUp: () => this.page(-1),
    };
    if (event.key === " " || event.key === "Enter") {
      if (this.current >= 0) this.toggle(this.cells[this.current]);
    } else if (this.current < 0 && event.key in moves) this.go(0);
    else if (event.key in moves) this.go(moves[event.key]());
    else return;
    event.preventDefault();
  }

  click(event) {
    this.isPointed = false;
    const element = event.target.closest('[role="option"]');
    if (!element) return;
    const at = Number(element.id.slice(5));
    this.go(at);
    this.toggle(this.cells[at]);
  }
}
