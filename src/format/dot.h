/* dot.h -- a call graph in the DOT language, with the rules that users know from gprof2dot.
 *
 * A node says its share of the whole with and without its callees and how often it was called; an edge the
 * share and the calls of that pair. The whole is the larger of all self values together and of the largest
 * total. Nodes and edges below a threshold are left out; `root` and `leaf` (globs over
 * "module:line:function") keep what they reach and what reaches them, `depth` so many steps of it, along what
 * the thresholds left. Strongly connected functions become one node when `join_cycles` asks for it. Colour
 * runs from blue to red with the share.
 */
#ifndef HP_DOT_H
#define HP_DOT_H

#include "base/buf.h"
#include "model/profile.h"

struct hp_dot_options {
    double min_node, min_edge; /* shares; below 0: 0.005 and 0.001 */
    const char *root, *leaf;   /* globs; NULL: all */
    int64_t depth;             /* steps from them; below 0: any number */
    uint32_t max_nodes; /* raise the thresholds until at most so many nodes are left; 0: as asked for */
    bool strip;         /* "function" instead of "module:line:function" */
    bool by_self;       /* colour by self */
    bool join_cycles;
};

struct hp_dot_result {
    double min_node, min_edge; /* used in the end */
    uint32_t nodes, edges;     /* written */
    uint32_t all_nodes;        /* before they were raised */
};

/* Append the document. The profile's graph is made (hp_profile_graph). `result` may be NULL. Fails:
 * HP_ENOTFOUND (no function matches root or leaf), HP_ENOMEM, HP_EFULL. */
HP_CHECK hp_err hp_dot_write(const struct hp_profile *profile, const struct hp_dot_options *options,
                             struct hp_buf *out, struct hp_dot_result *result);

/* With everything as gprof2dot has it by default. */
HP_CHECK hp_err hp_dot_write_profile(const struct hp_profile *profile, struct hp_buf *out);

#endif
