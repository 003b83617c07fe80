/* rule_attribute_lookup_hot.c -- looking attributes up costs more than what is done with them.
 *
 * Principle: an attribute that Python code provides (__getattr__, __getattribute__, a descriptor's __get__, a
 * proxy) is a function call each time it is read. Read in a loop, thousands of times a request, the machinery
 * is the work.
 *
 * Evidence: such functions, of any library or of the application, called 1,000 times or more in a request by
 * one application function, at most 20 µs each (a look-up that loads something is a query's or a file's
 * cost), and at least a third of what else that function does itself. What C code does before and around such
 * a call (the plain look-up that fails, the frame) is in the function's own time: 90 ns of it for each call,
 * by hp__speed_slowness, are the look-up's.
 *
 * Silent: few calls, cheap ones, functions whose own work is larger (hot_function tells of those), and what
 * is called once for each execution of a statement that another finding does away with (a proxy that says
 * which connection); the attributes of an ORM's objects where orm_overhead tells of making them.
 *
 * Saving: the look-ups: read once and kept in a local name, or replaced by plain attributes, they cost next
 * to nothing. low = half.
 */
#include "base/show.h"
#include "find/find_int.h"

#define MIN_CALLS   1000u
#define MAX_EACH_NS 20000u
#define CALL_NS     90u
#define MIN_SHARE   0.10
#define LOW_SHARE   0.5

static bool is_lookup(const struct hp_symbol *sym)
{
    return hp_str_ends(sym->name, HP_STR("__getattr__")) ||
           hp_str_ends(sym->name, HP_STR("__getattribute__")) || hp_str_ends(sym->name, HP_STR(".__get__")) ||
           hp_str_eq(sym->name, HP_STR("<built-in method builtins.getattr>"));
}

static void describe(struct hp__find *f, struct hp_finding *finding, const struct hp__bound_part *part)
{
    char time[HP_SHOW_BYTES], count[HP_SHOW_BYTES];
    hp_show_ns(time, part->ns);
    hp_show_count(count, part->calls);
    finding->title = hp__textf(f->arena, "%s attribute look-ups take %s", count, time);
    finding->advice =
        hp__textf(f->arena, "Do not do it here: read only the attributes that the response uses. Do it once: "
                            "bind the value to a local name before the loop (price = "
                            "item.price), or turn each object into a plain dict or tuple in one pass and "
                            "work on that; of an ORM select columns instead of "
                            "entities. Do it faster: plain attributes (__slots__, a dataclass, "
                            "functools.cached_property) instead of __getattr__ or a descriptor in Python.");
    hp__finding_number(finding, "look_ups", (double)part->calls);
    hp__finding_number(finding, "each_us",
                       (double)part->ns / 1e3 / (double)(part->calls != 0 ? part->calls : 1));
    hp__finding_number(finding, "look_up_ms", (double)part->ns / 1e6);
}

const struct hp__bound_rule hp__bound_lookups = {.kind = HP_FIND_attribute_lookup_hot,
                                                 .is_boundary = is_lookup,
                                                 .min_share = MIN_SHARE,
                                                 .low_share = LOW_SHARE,
                                                 .min_calls = MIN_CALLS,
                                                 .max_each_ns = MAX_EACH_NS,
                                                 .call_ns = CALL_NS,
                                                 .callers_too = true,
                                                 .describe = describe};

hp_err hp__rule_attribute_lookup_hot(struct hp__find *f)
{
    return hp__bound_run(f, &hp__bound_lookups);
}
