/**
 * The tables of placement. `documents` holds what there is one of, as JSON; moves stand in rows of their own,
 * since a plan of a large cluster has thousands.
 */
const TABLES = `
CREATE TABLE IF NOT EXISTS documents (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS plans (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  mode TEXT NOT NULL,
  state TEXT NOT NULL,
  changed_ms INTEGER NOT NULL,
  actor TEXT,
  note TEXT NOT NULL,
  moves INTEGER NOT NULL,
  signature TEXT NOT NULL,
  plan TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS plans_open ON plans (state) WHERE state IN ('proposed', 'accepted', 'running');

CREATE TABLE IF NOT EXISTS plan_moves (
  plan INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  move TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT,
  PRIMARY KEY (plan, seq)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS power (
  node TEXT PRIMARY KEY,
  phase TEXT NOT NULL,
  since_ms INTEGER NOT NULL,
  hook_id INTEGER NOT NULL,
  answered_ms INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  due_ms INTEGER NOT NULL DEFAULT 0,
  error TEXT
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS measured (
  node TEXT PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  forecasts TEXT NOT NULL,
  energy TEXT NOT NULL
) WITHOUT ROWID;
`

/** Creates the tables of placement that are not there yet. */
export function createPlanTables(sql: SqlStorage): void {
  sql.exec(TABLES)
}
