/* fixture.ts -- answers of the API as docs/formats/api.md has them, of a small shop that never ran: what the tests' server gives. Texts are as hostile as what an
 * application could record. */
export * from "./fixture/common";
export * from "./fixture/compare";
export * from "./fixture/findings";
export * from "./fixture/process";
export * from "./fixture/request";
export * from "./fixture/routes";
export * from "./fixture/sql";
