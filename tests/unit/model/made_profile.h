/* made_profile.h -- profiles for tests of the model: paths of names of one letter, each in a file of its own
 * ("m/a.py"). */
#ifndef MADE_PROFILE_H
#define MADE_PROFILE_H

#include <stdio.h>
#include <string.h>

#include "model/profile.h"

/* The symbol of a letter; 0: no memory. */
static inline uint32_t made_sym(struct hp_profile *profile, char letter)
{
    char file[16];
    uint32_t sym = 0;
    snprintf(file, sizeof file, "m/%c.py", letter);
    return hp_profile_symbol(profile, hp_str_from0(file), hp_str_make(&letter, 1), 1, &sym) == HP_OK ? sym
                                                                                                     : 0;
}

/* Add a value to the path "abc" below the root; false: no memory. */
static inline bool made_path(struct hp_profile *profile, const char *letters, uint64_t value)
{
    uint32_t node = HP_NODE_ROOT;
    for (; *letters != '\0'; letters++) {
        uint32_t sym = made_sym(profile, *letters);
        if (sym == 0 || hp_profile_child(profile, node, sym, &node) != HP_OK) {
            return false;
        }
        profile->tree->nodes[node].calls++;
    }
    return hp_profile_add(profile, node, value, false) == HP_OK;
}

/* The node of a path in a tree of the profile's symbols; HP_NODE_NONE where there is none. */
static inline uint32_t made_node(const struct hp_profile *profile, const struct hp_tree *tree,
                                 const char *letters)
{
    uint32_t node = HP_NODE_ROOT;
    for (; *letters != '\0' && node != HP_NODE_NONE; letters++) {
        node = tree->nodes[node].first_child;
        while (node != HP_NODE_NONE &&
               hp_dict_symbol(profile->dict, tree->nodes[node].sym).name.p[0] != *letters) {
            node = tree->nodes[node].next_sibling;
        }
    }
    return node;
}

/* The total of a path; 0 where there is none. */
static inline uint64_t made_total(const struct hp_profile *profile, const struct hp_tree *tree,
                                  const char *letters)
{
    uint32_t node = made_node(profile, tree, letters);
    return node == HP_NODE_NONE ? 0 : tree->nodes[node].total;
}

/* The function of a letter in a graph; NULL where there is none. */
static inline const struct hp_callgraph_function *made_function(const struct hp_profile *profile, char letter)
{
    for (uint32_t i = 0; i < profile->graph.count; i++) {
        if (hp_dict_symbol(profile->dict, profile->graph.functions[i].sym).name.p[0] == letter) {
            return &profile->graph.functions[i];
        }
    }
    return NULL;
}

/* Samples: main calls a, which calls b and itself, and b. */
static inline struct hp_profile *made_profile(void)
{
    struct hp_profile *profile = hp_profile_new(HP_PROFILE_TREE, 1 << 20);
    if (profile == NULL) {
        return NULL;
    }
    profile->unit = HP_UNIT_SAMPLES;
    if (made_path(profile, "mab", 10) && made_path(profile, "maab", 20) && made_path(profile, "ma", 3) &&
        made_path(profile, "mb", 40) && hp_profile_finish(profile) == HP_OK) {
        return profile;
    }
    hp_profile_free(profile);
    return NULL;
}

#endif
