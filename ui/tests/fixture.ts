/* fixture.ts -- answers of the API as docs/formats/api.md has them, of a small shop that never ran: what the tests' server gives. Texts are as hostile as what an
 * application could record. */
import type {
  CompareAnswer,
  DiffAnswer,
  Finding,
  Meta,
  Overview,
  PlanAnswer,
  ProcessAnswer,
  Remembered,
  RequestAnswer,
  RequestsAnswer,
  RouteAnswer,
  RouteRow,
  SettingsAnswer,
  SourceAnswer,
  SqlAnswer,
  TreeAnswer,
  TreeNode,
} from "../api/types";

export const START = Date.UTC(2026, 10, 20, 9, 0, 0);
export const HOSTILE = `GET /<img src=x onerror="document.title='owned'">`;
const SLOW = "GET /settings/<project>";
const RANGE = {
  from: null,
  to: null,
  revision: "3f2a91c",
  label: null,
  route: null,
  first: START,
  last: START + 7200e3,
};

export const FINDINGS: Finding[] = [
  {
    id: "e38793f4ef747120",
    rank: 1,
    kind: "thread_churn",
    state: "new",
    route: SLOW,
    file: "shop/history.py",
    line: 33,
    function: "fetch_all_peaks",
    via: null,
    source: "        thread.start()",
    title: "40 threads, one per item",
    evidence: { threads: 40, each_ms: 684.131, start_ms: 24.463 },
    basis: "median",
    share: 0.644,
    predicted_saving_ms: 1265.24,
    predicted_low_ms: 1016.4,
    predicted_high_ms: 1269.4,
    lost_ms: 1265.24 * 312,
    requests: 312,
    requests_example: ["8df77d88a0d18b36", "e949f88d013c78c9"],
    advice:
      "Do not do it here: load the values when somebody asks for them. Do it once: keep results that rarely change. Do it together: one call for all items.",
  },
  {
    id: "2921c6dc0216564f",
    rank: 2,
    kind: "n_plus_one",
    state: "open",
    route: SLOW,
    file: "shop/profiles.py",
    line: 17,
    function: "load_each",
    via: "Query.first",
    source: "        setting = session.query(Setting).first()",
    title: "the same SELECT on settings 40 times",
    evidence: {
      statement: "SELECT settings.id, settings.name FROM settings WHERE settings.name = ? LIMIT ?",
      executions: 40,
    },
    basis: "median",
    share: 0.328,
    predicted_saving_ms: 644.457,
    predicted_low_ms: 589.784,
    predicted_high_ms: 691.465,
    lost_ms: 644.457 * 312,
    requests: 312,
    requests_example: ["8df77d88a0d18b36"],
    advice: "Do it together: collect the keys before the loop, load all rows with one query.",
  },
  {
    id: "77aa77aa77aa77aa",
    rank: 3,
    kind: "dns",
    state: "open",
    route: "GET /overview",
    file: "shop/auth.py",
    line: 8,
    function: "login",
    via: null,
    source: "    socket.getaddrinfo(host, 443)",
    title: `DNS twice <script>document.title="owned"</script>`,
    evidence: { lookups: 2 },
    basis: "p95",
    share: 0.4,
    predicted_saving_ms: 95,
    predicted_low_ms: 80,
    predicted_high_ms: 110,
    lost_ms: 95 * 402,
    requests: 402,
    requests_example: [],
    advice: "Keep the connection.",
  },
];

export const LEDGER: Remembered[] = [
  {
    id: "1111111111111111",
    state: "fixed",
    muted: false,
    kind: "slow_query",
    route: "POST /orders",
    file: "shop/orders.py",
    line: 71,
    function: "save",
    title: "one INSERT into orders takes 90 ms",
    first_seen: START,
    last_seen: START + 60e3,
    fixed_at: START + 120e3,
    predicted_saving_ms: 80,
    measured_saving_ms: 77,
    low_ms: 70,
    high_ms: 83,
  },
  {
    id: "2222222222222222",
    state: "open",
    muted: true,
    reason: "<u>known</u>",
    title: "a template is slow",
    route: "GET /overview",
    last_seen: START,
  },
];

function route(
  name: string,
  requests: number,
  p50: number,
  share: number,
  more: Partial<RouteRow> = {},
): RouteRow {
  return {
    route: name,
    method: name.split(" ")[0],
    rule: name.split(" ")[1],
    endpoint: "shop.view",
    requests,
    errors: 0,
    total_ms: requests * p50 * 1.1,
    p50_ms: p50,
    p90_ms: p50 * 1.3,
    p95_ms: p50 * 1.5,
    p99_ms: p50 * 2.5,
    cpu_ms: p50 * 0.3,
    sql_ms: p50 * 0.25,
    sql_per_request: 3,
    share,
    box_ms: [p50 * 0.7, p50 * 0.85, p50, p50 * 1.2, p50 * 1.5],
    trend: Array.from({ length: 24 }, (_, k) => (k === 5 ? null : p50 * (1 + 0.2 * Math.sin(k)))),
    ...more,
  };
}

export const ROUTES: RouteRow[] = [
  route(SLOW, 312, 1963.58, 0.71, {
    sql_per_request: 41,
    before_ms: 2400,
    change_ms: -436.4,
    sentence:
      "GET /settings/<project> 1.96 s: 64 % 40 threads, one per item, shop/history.py:33; 33 % the same SELECT on settings 40 times, shop/profiles.py:17; fixing both: about 51.2 ms",
  }),
  route("GET /overview", 402, 170, 0.12, { errors: 1, before_ms: 160, change_ms: 10 }),
  route("POST /orders", 96, 310, 0.07, { errors: 4 }),
  route("GET /static/<path:filename>", 2400, 0.42, 0.01, {
    cpu_ms: null,
    sql_ms: null,
    sql_per_request: null,
  }),
  route("GET /health", 900, 1.65, 0.005, { sql_per_request: 0, sql_ms: 0 }),
  route(HOSTILE, 2, 12, 0.001),
];

export const META: Meta = {
  schema: 1,
  version: "0.1.0",
  store: "hotplate.db",
  role: "write",
  token: "t0ken",
  revisions: [
    { revision: "3f2a91c", first: START + 3600e3, last: START + 7200e3, requests: 4112 },
    { revision: "0b1c2d3+12345678", first: START, last: START + 3500e3, requests: 800 },
  ],
  labels: [
    { label: "after", from: START + 5000e3, to: START + 6000e3 },
    { label: "before", from: START + 1000e3, to: START + 2000e3 },
  ],
  routes: ROUTES.map((row) => row.route),
  levels: ["monitor", "trace"],
  first: START,
  last: START + 7200e3,
  last_row: 4912,
};

const SERIES = Array.from({ length: 60 }, (_, k) => ({
  at: START + k * 120e3,
  requests: 20 + (k % 7),
  errors: k === 30 ? 2 : 0,
  p50_ms: 180 + 40 * Math.sin(k / 6),
  p95_ms: 420 + 180 * Math.sin(k / 5) ** 2,
  max_ms: 900,
}));

export const OVERVIEW: Overview = {
  schema: 1,
  range: RANGE,
  sentence: ROUTES[0].sentence as string,
  completeness: {
    requests: 4115,
    recorded: 4112,
    sampled_out: 0,
    dropped: 3,
    lost: 0,
    errors: 0,
    dropped_by: { ring: 3, tree: 0, store: 0, memory: 0 },
  },
  own_cost: { us_per_request: 1610.37, share: 0.011 },
  findings: FINDINGS,
  not_checked: [{ kind: "gil_contention", needs_level: "trace" }],
  muted: 0,
  routes: ROUTES,
  trend_step_s: 120,
  series: SERIES,
  hours: Array.from({ length: 30 }, (_, k) => ({
    at: START + k * 3600e3,
    requests: k === 4 ? 0 : 100 + k,
    errors: k === 8 ? 3 : 0,
    p50_ms: 180,
    p95_ms: 300 + 100 * (k % 9),
  })),
};

/* ---- one request: a main lane that starts forty threads, each of which waits for another server ---- */

const THREADS = 40;
const WALL = 2163.07;

function treeNodes(): TreeNode[] {
  const nodes: TreeNode[] = [];
  const add = (
    parent: number,
    kind: string,
    fn: string,
    file: string,
    line: number,
    application: boolean,
    self: number,
    total: number,
    calls = 1,
    call_line = 0,
  ) => {
    nodes.push({
      node: nodes.length,
      parent,
      kind,
      function: fn,
      file,
      line,
      application,
      calls,
      resumes: 0,
      exceptions: 0,
      self_ms: self,
      total_ms: total,
      ...(call_line > 0 ? { call_line } : {}),
    });
    return nodes.length - 1;
  };
  add(-1, "lane", "(request)", "", 0, false, 11.5, WALL);
  const flask = add(0, "call", "full_dispatch_request", "flask/app.py", 900, false, 0.5, 2151.5);
  const view = add(flask, "call", "settings", "shop/pages.py", 30, true, 2, 2150);
  const peaks = add(view, "call", "fetch_all_peaks", "shop/history.py", 25, true, 1247, 1300, 1, 35);
  const each = add(view, "call", "load_each", "shop/profiles.py", 10, true, 4, 640, 1, 36);
  add(each, "call", "first", "sqlalchemy/orm/query.py", 2700, false, 636, 636, 40);
  add(view, "template", "settings.html", "templates/settings.html", 1, true, 208, 208);
  for (let k = 0; k < 3; k++) {
    const lane = add(peaks, "lane", "fetch_peak", "shop/history.py", 15, true, 0, 120);
    add(lane, "call", "urlopen", "urllib/request.py", 150, false, 120, 120);
  }
  return nodes;
}

export function request(id: string): RequestAnswer {
  const statement =
    "SELECT settings.id, settings.name FROM settings WHERE settings.name = ? LIMIT ? OFFSET ?";
  const place = { file: "shop/profiles.py", line: 17, function: "load_each", via: "Query.first" };
  const executions = Array.from({ length: 41 }, (_, k) =>
    k === 0
      ? {
          statement: "SELECT groups.id FROM groups WHERE groups.project = ?",
          at_ms: 2.1,
          execute_ms: 0.08,
          fetch_ms: 0.07,
          rows: 40,
          lane: 0,
          node: 2,
          error: false,
          group: 1,
          file: "shop/pages.py",
          line: 56,
          function: "find_groups",
          via: "Query.all",
        }
      : {
          statement,
          at_ms: 1310 + k * 16,
          execute_ms: 15,
          fetch_ms: 0.8,
          rows: 1,
          lane: 0,
          node: 5,
          error: false,
          group: 0,
          ...(k % 4 === 0 ? { repeat: 1 } : {}),
          ...place,
        },
  );
  const start = (k: number) => 4 + k * 3;
  const end = (k: number) => Math.min(start(k) + 80 + k * 29, 1300);
  const lanes = [
    {
      lane: 0,
      kind: "main",
      start_ms: 0,
      end_ms: WALL,
      cpu_ms: 664,
      critical_ms: 933,
      waits_ms: { lock: 1247 },
      pieces: [
        { state: "run", from_ms: 0, to_ms: 40 },
        { state: "lock", from_ms: 40, to_ms: 1300 },
        { state: "run", from_ms: 1300, to_ms: 1320 },
        ...Array.from({ length: 40 }, (_, k) => ({
          state: k % 2 ? "run" : "sql",
          from_ms: 1320 + k * 15.9,
          to_ms: 1320 + (k + 1) * 15.9,
        })),
        { state: "template", from_ms: 1956, to_ms: WALL },
      ],
    },
    ...Array.from({ length: THREADS }, (_, k) => ({
      lane: k + 1,
      kind: "thread",
      parent: 0,
      spawn_ms: start(k),
      start_ms: start(k),
      end_ms: end(k),
      cpu_ms: 4,
      critical_ms: k === THREADS - 1 ? 1230 : 0,
      waits_ms: { recv: 70, gil: 8 },
      file: "shop/history.py",
      line: 33,
      function: "fetch_all_peaks",
      pieces: [
        { state: "gil", from_ms: start(k), to_ms: start(k) + 6 },
        { state: "run", from_ms: start(k) + 6, to_ms: start(k) + 8 },
        { state: "connect", from_ms: start(k) + 8, to_ms: start(k) + 12 },
        { state: "recv", from_ms: start(k) + 12, to_ms: end(k) },
      ],
    })),
  ];
  return {
    schema: 1,
    id,
    route: SLOW,
    endpoint: "shop.settings",
    worker: 1,
    start_s: START / 1000,
    start_ns: START * 1e6,
    status: 200,
    duration_ms: 2161.46,
    wall_ms: WALL,
    own_ms: 1.61,
    cpu_ms: 664.385,
    first_byte_ms: 2151.6,
    bytes_out: 16389,
    revision: "3f2a91c",
    level: "trace",
    phases_ms: { outer: 0.33, before: 0.02, view: 2148.69, template: 2.36, body: 11.47 },
    flags: [],
    sql_count: 41,
    sql_ms: 632,
    statements: [
      { statement, count: 40, total_ms: 632, fetch_ms: 32, max_ms: 19, rows: 40, errors: 0, ...place },
      {
        statement: "SELECT groups.id FROM groups WHERE groups.project = ?",
        count: 1,
        total_ms: 0.15,
        fetch_ms: 0.07,
        max_ms: 0.15,
        rows: 40,
        errors: 0,
        file: "shop/pages.py",
        line: 56,
        function: "find_groups",
        via: "Query.all",
      },
    ],
    executions,
    time: {
      wall_ms: WALL,
      cpu_ms: 664,
      waits_ms: 1259,
      runqueue_ms: 249,
      busy_in_waits_ms: 10,
      left_over_ms: 0.3,
      kinds_ms: { lock: 1247, gil: 12 },
    },
    waits: [
      {
        kind: "lock",
        peer: null,
        lane: 0,
        node: 3,
        count: 40,
        total_ms: 1247,
        max_ms: 90,
        bytes: 0,
        file: "shop/history.py",
        line: 36,
        function: "fetch_all_peaks",
      },
    ],
    calls: Array.from({ length: THREADS }, (_, k) => ({
      protocol: "http",
      peer: "127.0.0.1:39175",
      name: "history.internal",
      lane: k + 1,
      at_ms: start(k) + 8,
      total_ms: end(k) - start(k) - 8,
      dns_ms: 0.5,
      connect_ms: 4,
      tls_ms: 0,
      send_ms: 0.1,
      first_byte_ms: end(k) - start(k) - 14,
      receive_ms: 1,
      bytes_out: 182,
      bytes_in: 199,
      file: "shop/history.py",
      line: 18,
      function: "fetch_peak",
    })),
    templates: [
      {
        name: "settings.html",
        kind: "template",
        template: "templates/settings.html",
        count: 1,
        at_ms: 1956,
        total_ms: 207,
        self_ms: 100,
        file: "shop/pages.py",
        line: 38,
        function: "settings",
      },
    ],
    logs: [
      {
        level: "WARNING",
        logger: "shop",
        message: "slow <b>settings</b>",
        count: 1,
        at_ms: 1301,
        total_ms: 0.1,
        file: "shop/pages.py",
        line: 36,
      },
    ],
    exceptions: [],
    headers: [{ name: "Host", value: "shop.example" }],
    config: [],
    view_args: [{ name: "name", value: "<str 3>" }],
    query: [
      { name: "page", value: "3" },
      { name: "page", value: "4" },
      { name: "<b>api_key</b>", value: "<redacted>" },
    ],
    form: [],
    json: [],
    not_kept: { facts: 7 },
    holders: [
      {
        kind: "gil",
        lane: 0,
        request: "1d113777e28b9d27",
        route: "GET /overview",
        count: 12,
        total_ms: 30.5,
        file: "shop/rates.py",
        line: 31,
        function: "totals",
      },
      { kind: "lock", lane: 3, thread: "refresher", count: 1, total_ms: 4.25 },
    ],
    connections: [
      {
        connection: 4,
        pools: 1,
        pool_ms: 12.5,
        pings: 40,
        ping_ms: 18,
        rollbacks: 1,
        rollback_ms: 0.5,
        executions: 41,
        execute_ms: 190,
        fetch_ms: 20,
      },
    ],
    nodes: treeNodes(),
    timeline: {
      lanes,
      critical: [
        { lane: 0, from_ms: 0, to_ms: 40 },
        { lane: 40, from_ms: 40, to_ms: 1300 },
        { lane: 0, from_ms: 1300, to_ms: WALL },
      ],
    },
    spans: lanes.slice(1).map((lane) => ({
      kind: "recv",
      peer: "127.0.0.1:39175",
      lane: lane.lane,
      node: 8,
      from_ms: lane.start_ms + 12,
      to_ms: lane.end_ms,
      bytes: 199,
      file: "shop/history.py",
      line: 18,
      function: "fetch_peak",
    })),
    sources: {
      "shop/profiles.py:17": "        setting = session.query(Setting).filter(Setting.name == name).first()",
      "shop/pages.py:56": "    return session.query(Group).all()",
      "shop/history.py:18": "    with urlopen(url) as answer:",
    },
    previous: "1d113777e28b9d27",
    next: null,
    route_p50_ms: 1963.58,
    route_p95_ms: 2135.18,
    rank: 0.96,
  };
}

export const REQUESTS: RequestsAnswer = {
  schema: 1,
  range: RANGE,
  total: 120,
  offset: 0,
  limit: 50,
  requests: Array.from({ length: 50 }, (_, k) => ({
    id: k === 0 ? "8df77d88a0d18b36" : (0x1000000000000 + k * 7919).toString(16).padStart(16, "0"),
    route: ROUTES[k % ROUTES.length].route,
    endpoint: "shop.view",
    worker: 1 + (k % 2),
    start_ns: (START + k * 1000) * 1e6,
    start_s: START / 1000 + k,
    status: k % 11 === 3 ? 500 : 200,
    duration_ms: k === 0 ? 2161.46 : 5 + ((k * 37) % 400),
    cpu_ms: k % 6 === 3 ? null : 3 + k,
    bytes_out: 16389,
    level: "trace",
    flags: [],
    ...(k % 6 === 3 ? {} : { sql_count: k, sql_ms: k * 0.9 }),
    ...(k % 11 === 3 ? { exception: "ValueError" } : {}),
  })),
};

export function routeAnswer(name: string, brushed: boolean): RouteAnswer {
  const row = ROUTES.find((candidate) => candidate.route === name) ?? ROUTES[0];
  const edge = 10 ** (1 / 12);
  return {
    schema: 1,
    range: RANGE,
    route: brushed ? { ...row, requests: 31 } : row,
    sentence: row.sentence ?? `${row.route} 170 ms: no cause above 5 %`,
    findings: FINDINGS.filter((finding) => finding.route === row.route),
    series: SERIES,
    series_step_s: 120,
    revisions: [
      { revision: "0b1c2d3+12345678", first: START, last: START + 3500e3, requests: 800, p50_ms: 2400 },
      { revision: "3f2a91c", first: START + 3600e3, last: START + 7200e3, requests: 312, p50_ms: 1963 },
    ],
    histogram: Array.from({ length: 16 }, (_, k) => ({
      low_ms: 1000 * edge ** k,
      high_ms: 1000 * edge ** (k + 1),
      requests: [2, 9, 40, 110, 80, 31, 12, 6, 3, 0, 0, 4, 8, 5, 1, 1][k],
    })),
    heat: {
      at: Array.from({ length: 30 }, (_, k) => START + k * 240e3),
      step_s: 240,
      low_ms: Array.from({ length: 16 }, (_, k) => 1000 * edge ** k),
      cells: Array.from({ length: 90 }, (_, k): [number, number, number] => [
        k % 30,
        2 + (k % 5) + (k > 60 ? 6 : 0),
        1 + (k % 9),
      ]),
    },
    status: [
      { status: 200, requests: 310 },
      { status: 500, requests: 2 },
    ],
    deciles: Array.from({ length: 11 }, (_, k) => ({
      decile: k,
      id: "8df77d88a0d18b36",
      duration_ms: 1200 + k * 190,
      at: START,
      status: 200,
    })),
    time: {
      requests: 60,
      wall_ms: 1965,
      cpu_ms: 600,
      gc_ms: 2,
      sql_ms: 590,
      runqueue_ms: 200,
      left_over_ms: 3,
      kinds_ms: { lock: 1150, gil: 12 },
    },
    phases_ms: { view: 1950 },
    slow: {
      requests: 6,
      wall_ms: 2900,
      cpu_ms: 640,
      runqueue_ms: 250,
      left_over_ms: 3,
      kinds_ms: { lock: 1990, gil: 17 },
    },
    typical: {
      requests: 30,
      wall_ms: 1960,
      cpu_ms: 600,
      runqueue_ms: 200,
      left_over_ms: 3,
      kinds_ms: { lock: 1145, gil: 12 },
    },
    differences: [
      {
        what: "lock",
        typical_ms: 1145,
        slow_ms: 1990,
        change_ms: 845,
        file: "shop/history.py",
        line: 36,
        function: "fetch_all_peaks",
      },
      { what: "cpu", typical_ms: 600, slow_ms: 640, change_ms: 40 },
    ],
    statements: (request("0").statements ?? []).map((statement) => ({
      ...statement,
      executions: statement.count ?? 1,
      per_request: statement.count ?? 1,
      total_ms: statement.total_ms * 60,
    })),
    waits: [
      {
        kind: "lock",
        peer: null,
        count: 2400,
        total_ms: 69000,
        max_ms: 110,
        file: "shop/history.py",
        line: 36,
        function: "fetch_all_peaks",
      },
    ],
    exceptions: [
      {
        type: "ValueError",
        text: "<i>no</i> such project",
        group: "aa",
        end: "answered",
        count: 2,
        requests: 2,
        example: "8df77d88a0d18b36",
        frames: [{ file: "shop/pages.py", line: 40, function: "settings" }],
      },
    ],
  };
}

/** The merged tree; of samples where those are asked for. */
export function tree(of = ""): TreeAnswer {
  const answer = { schema: 1, matching: 312, truncated: false, with: { calls: 1, samples: 40 } };
  if (of !== "samples") return { ...answer, requests: 1, of: "calls", nodes: treeNodes() };
  const nodes = treeNodes().map(({ calls = 0, ...node }) => ({ ...node, samples: calls }));
  const range = { from: START, to: START + 900_000 };
  return { ...answer, range, requests: 40, of: "samples", samples: 2500, nodes };
}

/** The plan of the slow statement, as it is before anybody has asked, or after. */
export function plan(asked: boolean): PlanAnswer {
  const before: PlanAnswer = {
    schema: 1,
    statement: "SELECT settings.id, settings.name FROM settings WHERE settings.name = ?",
    may_ask: true,
  };
  if (!asked) return before;
  return {
    ...before,
    at: Date.now() - 5000,
    plan: {
      engine: "sqlite",
      version: "3.40.1",
      examples: true,
      analyzed: false,
      nodes: [
        { parent: -1, operation: "SELECT" },
        {
          parent: 0,
          operation: "SCAN",
          table: "settings",
          access: "scan",
          filter: "settings.name = </code><img src=x onerror=alert(2)>",
          scanned: 5000,
          out: 1,
        },
      ],
    },
    advice: [
      {
        node: 1,
        text: "all 5,000 rows of settings are read, for about 1 of them",
        index: "CREATE INDEX settings_name ON settings (name)",
        rows_now: 5000,
        rows_then: 1,
      },
    ],
  };
}

export const SQL: SqlAnswer = {
  schema: 1,
  range: RANGE,
  total: 3,
  total_ms: 210000,
  statements: [
    {
      id: "4f2a91c3",
      statement: "SELECT settings.id, settings.name FROM settings WHERE settings.name = ? LIMIT ? OFFSET ?",
      engine: "sqlite",
      route: SLOW,
      fingerprint: "aaaaaaaaaaaaaaaa",
      executions: 12480,
      requests: 312,
      total_ms: 197000,
      fetch_ms: 1000,
      mean_ms: 15.8,
      max_ms: 44,
      rows: 12480,
      errors: 0,
      per_request: 40,
      share: 0.94,
      file: "shop/profiles.py",
      line: 17,
      function: "load_each",
      via: "Query.first",
    },
    {
      statement: "INSERT INTO orders (id, total) VALUES (?, ?)",
      engine: "sqlite",
      route: "POST /orders",
      fingerprint: "bbbbbbbbbbbbbbbb",
      executions: 96,
      requests: 96,
      total_ms: 9000,
      mean_ms: 94,
      max_ms: 400,
      rows: null,
      errors: 2,
      per_request: 1,
      share: 0.04,
      file: "shop/orders.py",
      line: 71,
      function: "save",
    },
    {
      statement: "SELECT '</code><img src=x onerror=alert(1)>'",
      engine: "sqlite",
      route: HOSTILE,
      fingerprint: "cccccccccccccccc",
      executions: 2,
      requests: 2,
      total_ms: 1,
      mean_ms: 0.5,
      max_ms: 0.7,
      rows: 2,
      errors: 0,
      per_request: 1,
      share: 0.001,
      file: "shop/x.py",
      line: 1,
      function: "x",
    },
  ],
};

export const COMPARE: CompareAnswer = {
  schema: 1,
  before: "label:before",
  after: "label:after",
  routes: [
    {
      route: SLOW,
      before_ms: 1963.58,
      after_ms: 49.1,
      change_ms: -1914.5,
      low_ms: -2010,
      high_ms: -1850,
      requests_before: 12,
      requests_after: 60,
      enough: true,
      changed: true,
      p95_before_ms: 2135,
      p95_after_ms: 60,
      drift: 1.08,
      moved: [
        {
          what: "wait",
          wait: "lock",
          file: "shop/history.py",
          line: 36,
          function: "fetch_all_peaks",
          application: true,
          before_ms: 1247,
          after_ms: 0,
          change_ms: -1247,
          low_ms: -1300,
          high_ms: -1200,
        },
        {
          what: "statement",
          statement: "SELECT settings.id FROM settings WHERE settings.name = ?",
          before_ms: 632,
          after_ms: 0,
          change_ms: -632,
          low_ms: -650,
          high_ms: -600,
        },
        {
          what: "function",
          file: "shop/models.py",
          line: 14,
          function: "as_dict",
          application: true,
          before_ms: 3,
          after_ms: 4,
          change_ms: 1,
          low_ms: 0.5,
          high_ms: 1.5,
        },
      ],
    },
    {
      route: "GET /overview",
      before_ms: 170,
      after_ms: 172,
      change_ms: 2,
      low_ms: -4,
      high_ms: 7,
      requests_before: 40,
      requests_after: 44,
      enough: true,
      changed: false,
    },
    {
      route: "GET /health",
      before_ms: 1.6,
      after_ms: 1.7,
      requests_before: 2,
      requests_after: 1,
      enough: false,
      changed: false,
    },
  ],
  findings: [
    {
      id: "e38793f4ef747120",
      kind: "thread_churn",
      route: SLOW,
      file: "shop/history.py",
      line: 33,
      function: "fetch_all_peaks",
      title: "40 threads, one per item",
      state: "fixed",
      predicted_saving_ms: 1265,
      measured_saving_ms: 1290,
      low_ms: 1200,
      high_ms: 1330,
    },
    {
      id: "99",
      kind: "template",
      route: SLOW,
      file: "templates/settings.html",
      line: 4,
      function: "",
      title: "a template grew",
      state: "new",
      predicted_saving_ms: 12,
    },
  ],
};

export function diff(): DiffAnswer {
  const before = treeNodes();
  const after = treeNodes()
    .filter((node) => node.function !== "load_each" && node.function !== "first")
    .map((node) => (node.function === "fetch_all_peaks" ? { ...node, self_ms: 10, total_ms: 20 } : node));
  return { schema: 1, before: { requests: 1, nodes: before }, after: { requests: 1, nodes: after } };
}

export function source(file: string): SourceAnswer {
  const lines = Array.from({ length: 60 }, (_, k) => `    line_${k + 1}("</code><b>")`);
  return { schema: 1, file, text: `${lines.join("\n")}\n` };
}

export const PROCESS: ProcessAnswer = {
  schema: 1,
  range: RANGE,
  workers: [1, 2].map((worker) => ({
    pid: 4700 + worker,
    start: START,
    points: Array.from({ length: 60 }, (_, k) => ({
      at: START + k * 60e3,
      rss_bytes: 80e6 + k * 1e6 * worker,
      peak_rss_bytes: 150e6,
      ...(k > 0 ? { cpu_share: 0.3 + 0.2 * Math.sin(k / 4) } : {}),
      threads: 4 + (k % 3),
      fds: 21,
    })),
  })),
};

export const SETTINGS: SettingsAnswer = {
  schema: 1,
  settings: { levels: "count GET /health" },
  keys: [
    { key: "editor", kind: "text", what: "link to a line of source" },
    { key: "levels", kind: "lines", what: "how deep routes are recorded, a rule a line" },
  ],
  muted: LEDGER.filter((row) => row.muted),
  role: "write",
  store: { path: "/srv/shop/.hotplate/hotplate.db", bytes: 41e6, max_bytes: 1e9, max_age_s: 604_800 },
  redacted: ["COOKIE", "<b>TOKEN</b>"],
  version: "0.1.0",
};
