/* sites.c -- see sites.h. */
#include "find/sites.h"

#include <string.h>
#include "find/find_int.h"

#define MOST_SITES 1024u

static struct hp_site *find_site(const struct hp_sites *sites, uint32_t sym, uint32_t line)
{
    for (uint32_t i = 0; i < sites->count; i++) {
        if (sites->list[i].sym == sym && sites->list[i].line == line) {
            return &sites->list[i];
        }
    }
    return NULL;
}

static hp_err add_site(struct hp_sites *sites, uint32_t sym, uint32_t line, struct hp_arena *arena,
                       struct hp_site **site)
{
    if (sites->count == sites->capacity) {
        uint32_t capacity = sites->capacity != 0 ? sites->capacity * 2 : 32;
        struct hp_site *list = hp_arena_alloc(arena, capacity * sizeof *list, _Alignof(struct hp_site));
        if (list == NULL) {
            return HP_ENOMEM;
        }
        if (sites->count != 0) {
            memcpy(list, sites->list, sites->count * sizeof *list);
        }
        sites->list = list;
        sites->capacity = capacity;
    }
    *site = &sites->list[sites->count++];
    **site = (struct hp_site){.sym = sym, .line = line};
    return HP_OK;
}

hp_err hp_sites_add(struct hp_sites *sites, const struct hp_dict *dict, const struct hp_record *record,
                    struct hp_arena *arena)
{
    hp_err err = HP_OK;
    for (uint32_t i = 0; i < record->group_count && err == HP_OK; i++) {
        const struct hp_group *group = &record->groups[i];
        struct hp_site *site = find_site(sites, group->site_sym, group->site_line);
        struct hp_statement statement = hp_dict_statement(dict, group->statement);
        if (!hp__words_reads(&statement)) { /* a BEGIN or COMMIT says nothing */
            continue;
        }
        if (site == NULL && sites->count < MOST_SITES) {
            err = add_site(sites, group->site_sym, group->site_line, arena, &site);
        }
        bool known =
            site == NULL || site->count == 2 || (site->count == 1 && site->statements[0] == group->statement);
        if (err == HP_OK && !known) {
            site->statements[site->count++] = group->statement;
        }
    }
    return err;
}

bool hp_sites_shared(const struct hp_sites *sites, uint32_t sym, uint32_t line, uint32_t statement)
{
    const struct hp_site *site = find_site(sites, sym, line);
    return site != NULL && (site->count == 2 || (site->count == 1 && site->statements[0] != statement));
}
