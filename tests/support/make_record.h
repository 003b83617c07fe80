/* make_record.h -- encoded records for tests and benches of the store: bare ones, and ones with statements
 * and a tree.
 *
 * A maker has a dictionary of its own, as a process has. Everything follows from the arguments, so two makers
 * of one seed make the same content with different ids. Any failure is the test's: assert-like abort.
 */
#ifndef HP_MAKE_RECORD_H
#define HP_MAKE_RECORD_H

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/rng.h"
#include "model/record.h"
#include "model/tree.h"

#define MAKE_ROUTES  4
#define MAKE_SYMBOLS 300
#define MAKE_TEXTS   20

struct make {
    struct hp_dict *dict;
    struct hp_buf out, shape, values;
    struct hp_tree *tree;
    uint32_t routes[MAKE_ROUTES], symbols[MAKE_SYMBOLS], statements[MAKE_TEXTS], revision, type;
    uint64_t seq;
    uint32_t tree_nodes, tree_variant; /* of the shape that `tree` has */
    bool sampled;                      /* trees of full requests are of samples */
    struct hp_fact fact;               /* what full requests were asked with; key 0: nothing */
};

static inline void make_must(hp_err err)
{
    if (err != HP_OK) {
        fprintf(stderr, "making a record failed: %s\n", hp_err_name(err));
        abort();
    }
}

static inline struct hp_str make_text(char *buf, size_t n, const char *format, unsigned number)
{
    snprintf(buf, n, format, number);
    return hp_str_from0(buf);
}

/* `skip` words are interned first, so that ids differ between makers. */
static inline void make_init(struct make *m, const char *revision, unsigned skip)
{
    static const char *const rules[MAKE_ROUTES] = {"/settings", "/", "/items/<int:id>", "<unmatched>"};
    static const char *const endpoints[MAKE_ROUTES] = {"shop.settings", "shop.index", "shop.item", ""};
    char a[64], b[64];
    *m = (struct make){.dict = hp_dict_new(), .tree_variant = UINT32_MAX};
    hp_buf_init(&m->out, (size_t)64 << 20);
    hp_buf_init(&m->shape, (size_t)64 << 20);
    hp_buf_init(&m->values, (size_t)64 << 20);
    for (unsigned i = 0; i < skip; i++) {
        uint32_t id;
        struct hp_symbol symbol = {.name = make_text(a, sizeof a, "skipped_%u", i),
                                   .file = HP_STR("skipped.py")};
        make_must(hp_dict_add_symbol(m->dict, &symbol, &id));
        make_must(hp_dict_add_string(m->dict, symbol.name, &id));
    }
    for (unsigned i = 0; i < MAKE_ROUTES; i++) {
        struct hp_route route = {HP_STR("GET"), hp_str_from0(rules[i]), hp_str_from0(endpoints[i])};
        make_must(hp_dict_add_route(m->dict, &route, &m->routes[i]));
    }
    for (unsigned i = 0; i < MAKE_SYMBOLS; i++) {
        struct hp_symbol symbol = {.file = make_text(a, sizeof a, "shop/module_%u.py", i / 10),
                                   .name = make_text(b, sizeof b, "function_%u", i),
                                   .line = 10 + i,
                                   .flags = i % 3 == 0 ? HP_SYM_APP : 0};
        make_must(hp_dict_add_symbol(m->dict, &symbol, &m->symbols[i]));
    }
    for (unsigned i = 0; i < MAKE_TEXTS; i++) {
        struct hp_statement statement = {make_text(a, sizeof a, "SELECT * FROM t%u WHERE id = ?", i),
                                         HP_ENGINE_SQLITE, 1};
        make_must(hp_dict_add_statement(m->dict, &statement, &m->statements[i]));
    }
    make_must(hp_dict_add_string(m->dict, hp_str_from0(revision), &m->revision));
    make_must(hp_dict_add_string(m->dict, HP_STR("ValueError"), &m->type));
}

static inline void make_fini(struct make *m)
{
    hp_tree_free(m->tree);
    hp_buf_fini(&m->out);
    hp_buf_fini(&m->shape);
    hp_buf_fini(&m->values);
    hp_dict_free(m->dict);
}

/* The facts of a request at monitor level. */
static inline struct hp_request make_request(struct make *m, uint64_t id, uint64_t start_ns, uint64_t wall_ns,
                                             unsigned route)
{
    return (struct hp_request){.id = id,
                               .seq = ++m->seq,
                               .start_wall_ns = start_ns,
                               .wall_ns = wall_ns,
                               .own_ns = 1200,
                               .cpu_ns = wall_ns / 2,
                               .first_byte_ns = wall_ns / 10 * 9,
                               .queue_ns = HP_ABSENT,
                               .gil_ns = HP_ABSENT,
                               .runqueue_ns = HP_ABSENT,
                               .gc_ns = HP_ABSENT,
                               .rss_growth_bytes = HP_ABSENT,
                               .bytes_in = HP_ABSENT,
                               .bytes_out = 5120 + id % 1000,
                               .alloc_bytes = HP_ABSENT,
                               .alloc_blocks = HP_ABSENT,
                               .phase_ns = {wall_ns / 50, 4000,
                                            wall_ns - wall_ns / 50 - 4000 - 3000 - 2500 - 30000, 0, 3000,
                                            2500, 30000},
                               .route = m->routes[route],
                               .revision = m->revision,
                               .view_sym = m->symbols[route],
                               .weight = 1,
                               .status = 200,
                               .level_asked = HP_LEVEL_MONITOR,
                               .level = HP_LEVEL_MONITOR};
}

static inline struct hp_str make_encode(struct make *m, const struct hp_record *record)
{
    hp_buf_reset(&m->out);
    make_must(hp_record_encode(record, &m->out));
    return hp_buf_str(&m->out);
}

/* A request with nothing beside its facts; borrowed until the next. */
static inline struct hp_str make_bare(struct make *m, uint64_t id, uint64_t start_ns, uint64_t wall_ns,
                                      unsigned route)
{
    struct hp_lane lane = {
        .end_ns = wall_ns, .cpu_ns = wall_ns / 2, .runqueue_ns = HP_ABSENT, .wait_busy_ns = HP_ABSENT};
    struct hp_record record = {
        .req = make_request(m, id, start_ns, wall_ns, route), .lanes = &lane, .lane_count = 1};
    return make_encode(m, &record);
}

/* The tree of a shape: `nodes` nodes, the same for the same variant. */
static inline void make_tree(struct make *m, uint32_t nodes, uint32_t variant)
{
    if (m->tree_nodes == nodes && m->tree_variant == variant) {
        return;
    }
    struct hp_rng rng;
    hp_rng_seed(&rng, variant);
    hp_tree_free(m->tree);
    m->tree = hp_tree_new(m->dict, nodes + 16);
    if (m->tree == NULL) {
        make_must(HP_ENOMEM);
    }
    uint32_t node = HP_NODE_ROOT;
    while (m->tree->count < nodes) {
        for (uint64_t up = hp_rng_below(&rng, 3); up > 0 && node != HP_NODE_ROOT; up--) {
            node = m->tree->nodes[node].parent;
        }
        uint32_t sym = m->symbols[hp_rng_below(&rng, MAKE_SYMBOLS)];
        node =
            hp_tree_child_at_line(m->tree, node, sym, 10 + (uint32_t)hp_rng_below(&rng, 400), HP_NODE_CALL);
    }
    m->tree_nodes = nodes;
    m->tree_variant = variant;
}

/* A traced request with `statements` executions and a tree of `nodes` nodes; borrowed until the next. */
static inline struct hp_str make_full(struct make *m, uint64_t id, uint64_t start_ns, uint64_t wall_ns,
                                      unsigned route, uint32_t statements, uint32_t nodes, uint32_t variant)
{
    struct hp_stmt stmts[MAKE_TEXTS];
    struct hp_group groups[MAKE_TEXTS];
    struct hp_lane lane = {
        .end_ns = wall_ns, .cpu_ns = wall_ns / 2, .runqueue_ns = HP_ABSENT, .wait_busy_ns = HP_ABSENT};
    struct hp_record record = {.req = make_request(m, id, start_ns, wall_ns, route),
                               .lanes = &lane,
                               .lane_count = 1,
                               .stmts = stmts,
                               .groups = groups,
                               .notes = {.facts = &m->fact, .count = {[HP_NOTE_FACT] = m->fact.key != 0}}};
    struct hp_rng rng;
    hp_rng_seed(&rng, id);
    record.req.level = record.req.level_asked = m->sampled ? HP_LEVEL_SAMPLE : HP_LEVEL_TRACE;
    record.req.flags = m->sampled ? HP_REQ_SAMPLED : 0;
    record.req.call_inner_ps = 30000;
    record.req.call_outer_ps = 20000;
    make_tree(m, nodes, variant);
    for (uint32_t i = 0; i < m->tree->count; i++) {
        m->tree->nodes[i].calls = 1 + hp_rng_below(&rng, 4) * hp_rng_below(&rng, 20);
        m->tree->nodes[i].samples = m->sampled;
        m->tree->nodes[i].self = 200 + (hp_rng_below(&rng, 40000) >> hp_rng_below(&rng, 8));
    }
    for (uint32_t i = 0; i < statements && i < MAKE_TEXTS; i++) {
        stmts[i] = (struct hp_stmt){.t0_ns = 100000 + i * 300000,
                                    .exec_ns = 120000 + i,
                                    .fetch_ns = 9000,
                                    .rows = 3,
                                    .param_hash = id * 31 + i,
                                    .statement = m->statements[i],
                                    .node = 7 + i,
                                    .conn = 1,
                                    .site_sym = m->symbols[3],
                                    .site_line = 42};
        groups[i] = (struct hp_group){.count = 1,
                                      .exec_ns = 120000 + i,
                                      .fetch_ns = 9000,
                                      .max_ns = 129000 + i,
                                      .rows = 3,
                                      .statement = m->statements[i],
                                      .site_sym = m->symbols[3],
                                      .site_line = 42};
        record.stmt_count = record.group_count = i + 1;
    }
    hp_buf_reset(&m->shape);
    hp_buf_reset(&m->values);
    make_must(hp_tree_encode(m->tree, NULL, &m->shape, &m->values, NULL));
    record.shape = hp_buf_str(&m->shape);
    record.values = hp_buf_str(&m->values);
    return make_encode(m, &record);
}

#endif
