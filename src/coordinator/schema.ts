/**
 * The coordinator's tables. Amounts are micro-tokens per second, times are ms since 1970. What is wanted
 * (`manifest`) and how far it is (all the rest) stand in one row, so that one transaction changes both.
 */
const TABLES = `
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS nodes (
  name TEXT PRIMARY KEY,
  manifest TEXT NOT NULL,
  generation INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  capacity_micro INTEGER NOT NULL,
  zone TEXT,
  cordoned INTEGER NOT NULL,
  cordon_ms INTEGER,
  drain_ms INTEGER,
  deleted_ms INTEGER,
  observed_generation INTEGER NOT NULL DEFAULT 0,
  health TEXT,
  config_generation INTEGER NOT NULL,
  acked_generation INTEGER NOT NULL DEFAULT 0,
  acked_ms INTEGER,
  push_attempts INTEGER NOT NULL DEFAULT 0,
  push_due_ms INTEGER NOT NULL DEFAULT 0,
  push_error TEXT
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS tenants (
  name TEXT PRIMARY KEY,
  manifest TEXT NOT NULL,
  generation INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  base_micro INTEGER NOT NULL,
  anti_affinity TEXT,
  pin TEXT,
  due INTEGER NOT NULL,
  node TEXT,
  epoch INTEGER NOT NULL DEFAULT 0,
  issued_epoch INTEGER NOT NULL,
  placed_ms INTEGER,
  reserved_micro INTEGER NOT NULL DEFAULT 0,
  config_generation INTEGER NOT NULL DEFAULT 0,
  serving TEXT,
  observed_generation INTEGER NOT NULL DEFAULT 0,
  trouble TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tenants_by_node ON tenants (node);
CREATE INDEX IF NOT EXISTS tenants_due ON tenants (due) WHERE due = 1;
CREATE INDEX IF NOT EXISTS tenants_in_trouble ON tenants (name) WHERE trouble IS NOT NULL;

CREATE TABLE IF NOT EXISTS departures (
  tenant TEXT NOT NULL, epoch INTEGER NOT NULL, node TEXT NOT NULL, PRIMARY KEY (tenant, epoch)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS departures_by_node ON departures (node);

CREATE TABLE IF NOT EXISTS claims (key TEXT PRIMARY KEY, tenant TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS claims_by_tenant ON claims (tenant);
CREATE TABLE IF NOT EXISTS hosts (
  host TEXT NOT NULL, tenant TEXT NOT NULL, PRIMARY KEY (host, tenant)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS hosts_by_tenant ON hosts (tenant);

CREATE TABLE IF NOT EXISTS events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  reason TEXT NOT NULL,
  message TEXT NOT NULL,
  actor TEXT
);
CREATE INDEX IF NOT EXISTS events_by_object ON events (kind, name, seq);

CREATE TABLE IF NOT EXISTS tokens (
  id TEXT PRIMARY KEY,
  hash TEXT NOT NULL,
  note TEXT NOT NULL,
  tenant TEXT,
  scopes TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER,
  revoked_ms INTEGER
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS outcomes (
  key TEXT PRIMARY KEY,
  fingerprint TEXT NOT NULL,
  outcome TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS outcomes_by_age ON outcomes (at_ms);

CREATE TABLE IF NOT EXISTS moves (
  tenant TEXT PRIMARY KEY, value TEXT NOT NULL, due_ms INTEGER, source TEXT, target TEXT, before_commit INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS moves_due ON moves (due_ms) WHERE due_ms IS NOT NULL;
CREATE TABLE IF NOT EXISTS move_log (
  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER, value TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS move_log_by_start ON move_log (started_ms);
CREATE INDEX IF NOT EXISTS move_log_by_tenant ON move_log (tenant, started_ms);
CREATE INDEX IF NOT EXISTS moves_orphaned ON moves (tenant)
  WHERE due_ms IS NULL AND json_extract(value, '$.ownerPassedOver') = 1;
CREATE TABLE IF NOT EXISTS strays (node TEXT NOT NULL, tenant TEXT NOT NULL, PRIMARY KEY (node, tenant)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS strays_by_tenant ON strays (tenant);

CREATE TABLE IF NOT EXISTS serving_ahead (
  node TEXT PRIMARY KEY, ahead_ms INTEGER NOT NULL, at_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checkpoints (
  tenant TEXT PRIMARY KEY, node TEXT NOT NULL, epoch INTEGER NOT NULL, life INTEGER NOT NULL,
  opened INTEGER NOT NULL, at_ms INTEGER NOT NULL, value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS late_bookings (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, node TEXT NOT NULL,
  due_ms INTEGER NOT NULL, value TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS late_bookings_by_tenant ON late_bookings (tenant, seq);
`

/** Creates the tables that are not there yet. */
export function createTables(sql: SqlStorage): void {
  sql.exec(TABLES)
}
