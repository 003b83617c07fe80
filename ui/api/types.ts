/* types.ts -- what docs/formats/api.md promises, as types. Times are milliseconds; what was not recorded is absent or null. */

export interface Place {
  file?: string | null;
  line?: number | null;
  function?: string | null;
  via?: string | null;
}

export interface Range {
  from: number | null;
  to: number | null;
  revision?: string | null;
  label?: string | null;
  route?: string | null;
  first?: number | null;
  last?: number | null;
}

export interface Answer {
  schema: number;
  range?: Range;
}

export interface RevisionRow {
  revision: string;
  first?: number;
  last?: number;
  requests?: number;
  p50_ms?: number;
}

export interface LabelRow {
  label: string;
  from: number;
  to: number | null;
}

export interface Meta extends Answer {
  version: string;
  store: string;
  role: "write" | "read";
  token?: string;
  login?: boolean;
  revisions: RevisionRow[];
  labels: LabelRow[];
  routes: string[];
  levels: string[];
  first?: number | null;
  last?: number | null;
  last_row?: number;
}

export interface Completeness {
  requests: number;
  recorded: number;
  sampled_out: number;
  dropped: number;
  lost: number;
  errors?: number;
  waits?: number; // of the application's threads for the store
  wait_ms?: number;
  dropped_by?: Record<string, number>;
  evicted_requests?: number;
  evicted_detail?: number;
  estimated_from_one_in?: number; // absent: the figures are exact
  unseen?: { text: string; processes: number }[]; // waits that cannot be seen
}

export interface OwnCost {
  us_per_request?: number | null;
  share?: number | null;
}

export interface Finding extends Place {
  id: string;
  rank: number;
  kind: string;
  state: string;
  same_as?: string; // the same edit mends this one of another route
  route: string;
  source?: string | null;
  title: string;
  sentence?: string;
  evidence?: Record<string, unknown>;
  basis?: string;
  share?: number;
  predicted_saving_ms?: number;
  predicted_low_ms?: number;
  predicted_high_ms?: number;
  predicted_saving_bytes?: number;
  lost_ms?: number;
  requests?: number;
  requests_example?: string[];
  advice?: string;
}

/** A finding that was ever reported, with what became of it. */
export interface Remembered extends Place {
  id: string;
  state: string;
  muted: boolean;
  reason?: string | null;
  kind?: string | null;
  route?: string | null;
  title?: string | null;
  first_seen?: number | null;
  last_seen?: number | null;
  fixed_at?: number | null;
  predicted_saving_ms?: number | null;
  measured_saving_ms?: number | null;
  low_ms?: number | null;
  high_ms?: number | null;
}

export interface NotChecked {
  kind: string;
  needs_level: string;
}

export interface RouteRow {
  route: string;
  method?: string;
  rule?: string;
  endpoint?: string;
  requests: number;
  errors: number;
  total_ms: number;
  p50_ms?: number;
  p90_ms?: number;
  p95_ms?: number;
  p99_ms?: number;
  cpu_ms?: number | null;
  sql_ms?: number | null;
  own_ms?: number | null;
  sql_per_request?: number | null;
  share?: number;
  now_ms?: number;
  after_all_ms?: number;
  low_ms?: number;
  high_ms?: number;
  sentence?: string;
  box_ms?: number[];
  trend?: (number | null)[];
  before_ms?: number;
  change_ms?: number;
}

export interface Point {
  at: number;
  requests: number;
  errors?: number;
  p50_ms?: number | null;
  p95_ms?: number | null;
  max_ms?: number | null;
}

export interface Overview extends Answer {
  sentence?: string;
  completeness: Completeness;
  weight?: number; // of a request in pictures; absent: 1
  own_cost?: OwnCost;
  findings: Finding[];
  not_checked?: NotChecked[];
  muted?: number;
  routes: RouteRow[];
  trend_at?: number[];
  trend_step_s?: number;
  series?: Point[];
  hours?: Point[];
}

export interface RoutesAnswer extends Answer {
  routes: RouteRow[];
  trend_at?: number[];
  trend_step_s?: number;
}

export interface TimeSplit {
  requests?: number;
  wall_ms?: number;
  cpu_ms?: number | null;
  gc_ms?: number | null;
  sql_ms?: number | null;
  runqueue_ms?: number | null;
  busy_in_waits_ms?: number | null;
  own_ms?: number | null;
  left_over_ms?: number | null;
  waits_ms?: number | null;
  kinds_ms?: Record<string, number>;
}

export interface Bucket {
  low_ms: number;
  high_ms: number;
  requests: number;
}

export interface Heat {
  at: number[];
  step_s: number;
  low_ms: number[];
  cells: [number, number, number][];
}

export interface Decile {
  decile: number;
  id: string;
  duration_ms: number;
  at?: number;
  status?: number;
}

export interface Difference extends Place {
  what: string;
  typical_ms: number;
  slow_ms: number;
  change_ms: number;
}

export interface StatementRow extends Place {
  id?: string; // what `hotplate explain` takes
  statement: string;
  engine?: string;
  route?: string;
  fingerprint?: string;
  executions?: number;
  count?: number;
  requests?: number;
  total_ms: number;
  fetch_ms?: number;
  mean_ms?: number;
  p95_ms?: number; // of `p95_of` single executions of sampled requests
  p95_of?: number;
  max_ms?: number;
  rows?: number | null;
  errors?: number;
  per_request?: number;
  share?: number;
}

export interface WaitRow extends Place {
  kind: string;
  peer?: string | null;
  count: number;
  total_ms: number;
  max_ms?: number;
  bytes?: number;
  lane?: number;
  node?: number;
}

export interface Frame extends Place {
  source?: string;
}

export interface ExceptionRow {
  type: string;
  text?: string | null;
  group?: string;
  end?: string;
  count: number;
  requests?: number;
  example?: string;
  at_ms?: number;
  lane?: number;
  frames?: Frame[];
}

export interface RouteAnswer extends Answer {
  route: RouteRow;
  completeness?: Completeness;
  weight?: number; // as in Overview
  sentence?: string;
  findings?: Finding[];
  series?: Point[];
  series_step_s?: number;
  revisions?: RevisionRow[];
  histogram?: Bucket[];
  heat?: Heat;
  status?: { status: number; requests: number }[];
  deciles?: Decile[];
  time?: TimeSplit;
  phases_ms?: Record<string, number>;
  slow?: TimeSplit;
  typical?: TimeSplit;
  differences?: Difference[];
  statements?: StatementRow[];
  statements_portion?: Portion;
  waits?: WaitRow[];
  exceptions?: ExceptionRow[];
}

export interface TreeNode extends Place {
  node: number;
  parent: number;
  kind: string;
  call_line?: number;
  application: boolean;
  calls?: number; // absent in a tree of samples
  samples?: number;
  resumes?: number;
  exceptions?: number;
  self_ms: number;
  total_ms: number;
  lines?: { line: number; self_ms: number; samples: number }[]; // of samples: where the own time was
}

export interface TreeAnswer extends Answer {
  requests: number;
  matching?: number;
  truncated?: boolean;
  of?: TreeKind;
  with?: { calls: number; samples: number }; // requests that have such a tree
  samples?: number;
  nodes: TreeNode[];
  hint?: string;
}

export type TreeKind = "calls" | "samples" | "outside";

export interface RequestRow {
  id: string;
  route: string;
  endpoint?: string;
  worker?: number;
  start_ns: number;
  start_s: number;
  status?: number;
  duration_ms: number;
  wall_ms?: number;
  own_ms?: number;
  cpu_ms?: number | null;
  queue_ms?: number | null;
  first_byte_ms?: number | null;
  bytes_in?: number | null;
  bytes_out?: number | null;
  revision?: string;
  level?: string;
  phases_ms?: Record<string, number>;
  flags?: string[];
  sql_count?: number | null;
  sql_ms?: number | null;
  exception?: string;
}

export interface RequestsAnswer extends Answer {
  requests: RequestRow[];
  total: number;
  offset: number;
  limit: number;
  looked_at?: { requests: number; of: number }; // with `input`
  newest?: { requests: number; of: number }; // the others were not looked at
}

export interface Execution extends Place {
  statement: string;
  at_ms: number;
  execute_ms: number;
  fetch_ms?: number;
  rows?: number | null;
  lane: number;
  node?: number;
  error?: boolean;
  group?: number;
  repeat?: number;
}

export interface Piece {
  state: string;
  from_ms: number;
  to_ms: number;
}

export interface LaneRow extends Place {
  lane: number;
  kind: string;
  parent?: number;
  spawn_ms?: number;
  start_ms: number;
  end_ms: number;
  cpu_ms?: number | null;
  critical_ms?: number;
  waits_ms?: Record<string, number>;
  pieces: Piece[];
}

export interface Stretch {
  lane: number;
  from_ms: number;
  to_ms: number;
}

export interface Span extends Place {
  kind: string;
  peer?: string | null;
  lane: number;
  node?: number;
  from_ms: number;
  to_ms: number;
  bytes?: number;
  holder?: number; // index in the request's holders
}

export interface Holder extends Place {
  kind: string;
  lane: number;
  request?: string;
  route?: string;
  thread?: string;
  count: number;
  total_ms: number;
}

/** A database connection; a step that did not happen is absent. */
export interface Built extends Place {
  building_ms: number;
  database_ms: number;
  rows: number;
  statements: number;
}

export interface Connection {
  connection: number;
  pools?: number;
  pool_ms?: number;
  connects?: number;
  connect_ms?: number;
  pings?: number;
  ping_ms?: number;
  commits?: number;
  commit_ms?: number;
  rollbacks?: number;
  rollback_ms?: number;
  executions: number;
  execute_ms: number;
  fetch_ms: number;
}

export interface Call extends Place {
  protocol?: string;
  peer?: string;
  name?: string;
  lane: number;
  at_ms: number;
  total_ms: number;
  dns_ms?: number;
  connect_ms?: number;
  tls_ms?: number;
  send_ms?: number;
  first_byte_ms?: number;
  receive_ms?: number;
  bytes_out?: number;
  bytes_in?: number;
}

export interface Template extends Place {
  name: string;
  kind: string;
  template?: string;
  parent?: number;
  count: number;
  at_ms: number;
  total_ms: number;
  self_ms: number;
}

export interface Log extends Place {
  level: string;
  logger: string;
  message: string;
  count: number;
  at_ms: number;
  total_ms?: number;
}

export interface Fact {
  name: string;
  value: string;
}

export interface RequestAnswer extends RequestRow, Answer {
  statements?: StatementRow[];
  executions?: Execution[];
  time?: TimeSplit;
  waits?: WaitRow[];
  calls?: Call[];
  templates?: Template[];
  logs?: Log[];
  exceptions?: ExceptionRow[];
  holders?: Holder[];
  connections?: Connection[];
  built?: Built[] | null;
  view_args?: Fact[];
  query?: Fact[];
  form?: Fact[];
  json?: Fact[];
  headers?: Fact[];
  config?: Fact[];
  not_kept?: Record<string, number>;
  nodes?: TreeNode[] | null;
  timeline?: { lanes: LaneRow[]; critical: Stretch[] };
  spans?: Span[];
  sources?: Record<string, string>;
  previous?: string | null;
  next?: string | null;
  route_p50_ms?: number;
  route_p95_ms?: number;
  rank?: number;
  rank_of?: number; // requests of its route that were looked at; absent: all of them
  rank_among?: number; // stored requests of any route that these are among
  gc?: { total_ms: number; pauses: { at_ms: number; ms: number; generation: number }[] };
  alloc_bytes?: number;
  rss_growth_bytes?: number;
}

/** What figures were estimated from; absent: they are exact. */
export interface Portion {
  read: number;
  of: number;
}

export interface SqlAnswer extends Answer {
  statements: StatementRow[];
  statements_portion?: Portion;
  total: number;
  total_ms: number;
}

export interface FindingsAnswer extends Answer {
  findings: Finding[];
  muted: Remembered[];
  ledger?: Remembered[];
  not_checked?: NotChecked[];
}

/** What moved between two stretches of a route: a function's own time, a statement, a wait. */
export interface Moved extends Place {
  what: "function" | "statement" | "wait";
  statement?: string | null;
  wait?: string | null;
  application?: boolean;
  before_ms: number;
  after_ms: number;
  change_ms: number;
  low_ms?: number | null;
  high_ms?: number | null;
}

export interface CompareRoute {
  route: string;
  before_ms?: number | null;
  after_ms?: number | null;
  change_ms?: number | null;
  low_ms?: number | null;
  high_ms?: number | null;
  requests_before: number;
  requests_after: number;
  enough: boolean;
  changed: boolean;
  p95_before_ms?: number | null;
  p95_after_ms?: number | null;
  machine?: boolean; // the median changed by what others did to the machine
  status_before?: number; // of most answers, where it is another one after
  status_after?: number;
  drift?: number | null; // after ÷ before of what everything takes alike
  moved?: Moved[];
}

export interface CompareFinding extends Place {
  id: string;
  kind: string;
  route: string;
  title: string;
  state: string;
  predicted_saving_ms?: number | null;
  measured_saving_ms?: number | null;
  low_ms?: number | null;
  high_ms?: number | null;
}

export interface Side {
  name?: string;
  from?: number | null;
  to?: number | null;
  revision?: string | null;
}

export interface CompareAnswer extends Answer {
  routes: CompareRoute[];
  findings: CompareFinding[];
  before?: string;
  after?: string;
  sides?: { before: Side; after: Side };
}

export interface DiffAnswer extends Answer {
  before: { requests: number; nodes: TreeNode[] };
  after: { requests: number; nodes: TreeNode[] };
}

export interface GaugePoint {
  at: number;
  rss_bytes?: number;
  peak_rss_bytes?: number;
  cpu_share?: number;
  threads?: number;
  fds?: number;
}

export interface Worker {
  pid: number;
  start: number;
  points: GaugePoint[];
}

export interface ProcessAnswer extends Answer {
  completeness: Completeness;
  workers: Worker[];
}

export interface SourceAnswer extends Answer {
  file: string;
  text: string;
}

export interface SettingKey {
  key: string;
  kind: string;
  what: string;
}

export interface PlanNode {
  parent: number; // -1: top
  operation: string;
  table?: string;
  alias?: string;
  access?: string;
  index?: string;
  filter?: string;
  scanned?: number;
  out?: number;
  cost?: number;
  scanned_actual?: number;
  out_actual?: number;
  repeated?: boolean;
  auto_index?: boolean;
}

export interface Plan {
  engine: string;
  version?: string;
  examples?: boolean; // example values stood for the parameters
  analyzed?: boolean;
  nodes: PlanNode[];
}

export interface PlanAdvice {
  node: number;
  text: string;
  index?: string;
  rows_now?: number;
  rows_then?: number;
}

export interface PlanAnswer extends Answer {
  statement: string;
  may_ask: boolean; // POST of the same asks the database
  hint?: string; // else why not
  at?: number; // when it was asked; nothing is kept without
  plan?: Plan;
  advice?: PlanAdvice[];
  why_not?: string; // it was asked in vain
}

export interface SettingsAnswer extends Answer {
  settings: Record<string, string>;
  keys: SettingKey[];
  muted: Remembered[];
  role: string;
  store: { path?: string; bytes?: number; max_bytes?: number; max_age_s?: number };
  redacted?: string[];
  version: string;
}
