/* bytes.ts -- reads the page's payload: LEB128 numbers, columns of them, text (docs/formats/page.md). */

/** Reads on from a position; throws RangeError beyond the end, so that a cut payload is told, not shown. */
export class Reader {
  private at = 0;
  constructor(private readonly bytes: Uint8Array) {}

  /** Unsigned LEB128. Exact up to 2^53; beyond it the nearest double. */
  unsigned(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      if (this.at >= this.bytes.length) throw new RangeError("the profile's data ends too early");
      const byte = this.bytes[this.at++];
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
      if (scale > 2 ** 70) throw new RangeError("a number of the profile's data is too long");
    }
  }

  /** Signed: zigzag (0, -1, 1, -2 are 0, 1, 2, 3). */
  signed(): number {
    const value = this.unsigned();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** How many of something follow: never more than there are bytes left. */
  count(): number {
    const value = this.unsigned();
    if (value > this.bytes.length - this.at)
      throw new RangeError("a count of the profile's data is too large");
    return value;
  }

  column<T extends Float64Array | Int32Array | Uint8Array>(into: T): T {
    for (let i = 0; i < into.length; i++) into[i] = this.unsigned();
    return into;
  }

  slice(length: number): Uint8Array {
    if (length > this.bytes.length - this.at) throw new RangeError("the profile's data ends too early");
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  text(length: number): string {
    return new TextDecoder().decode(this.slice(length));
  }

  get left(): number {
    return this.bytes.length - this.at;
  }
}
