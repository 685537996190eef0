/** What a spreadsheet takes for the beginning of a formula, also in its full-width forms. */
const RUN_BY_SPREADSHEETS = /^'*[=+\-@\t\r＝＋－＠]/;

/** A cell that no spreadsheet runs; `restored` gives every text back as it was. */
export function neutralised(cell: string): string {
  return RUN_BY_SPREADSHEETS.test(cell) ? `'${cell}` : cell;
}

/** The text of a cell that `neutralised` may have written. */
export function restored(cell: string): string {
  return cell.startsWith("'") && RUN_BY_SPREADSHEETS.test(cell) ? cell.slice(1) : cell;
}
