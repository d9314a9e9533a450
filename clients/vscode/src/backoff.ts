/** How long to wait before a server that ended is started again, and when to stop trying. Times in ms. */

const AT_START = 10_000;
const DEATHS_AT_START = 5;
const FIRST_WAIT = 250;

export class Backoff {
  private deaths = 0;

  /** The wait before the next start, after a life of so many ms; undefined after five short ones in a row. */
  died(lived: number): number | undefined {
    this.deaths = lived < AT_START ? this.deaths + 1 : 1;
    return this.deaths < DEATHS_AT_START ? FIRST_WAIT * 2 ** (this.deaths - 1) : undefined;
  }

  /** Somebody asked for a start, so that what was before does not count. */
  forget(): void {
    this.deaths = 0;
  }
}
