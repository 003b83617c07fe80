/* rule_serialization_hot.c -- turning objects into text or bytes and back costs far more than the response
 * needs.
 *
 * Principle: a response of n bytes needs to be written once, at the speed of a C encoder. What a serialising
 * library takes beyond that is copies made by way of text, an encoder in Python (indent, a default function
 * called per item), or data that is not sent.
 *
 * Evidence: frames of a library whose job is (de)serialising (json, pickle, csv, xml, marshmallow, pydantic,
 * …) below an application line; the application's own converters that it calls back count with it. Needs a
 * call tree; of a C encoder called without a Python frame (pickle.dumps, csv's writerow) Python 3.12 and
 * later tell, else it is own time of its caller, hence hot_function's.
 *
 * Silent: items that are read or written one by one, each in 1.5 us or less (the rows of a csv reader), up to
 * 14 ms; columns that a driver or an ORM reads or writes (a statement's cost); one encoding of the response
 * at the usual speed, up to half a megabyte; less than a tenth of the route.
 *
 * Saving (usual costs by hp__speed_slowness where processors were short): all of it less the response's bytes
 * at 50 ns each (a C encoder with floats and short strings takes 10 to 40, by machine), or at 20 where a
 * generator in Python yields them a few at a time: then it was no C encoder that took so long. A longer one
 * is more than anybody reads at once: kept encoded, or in pages, all goes. low = 0.4: another library may be
 * needed for it; high = all.
 */
#include "base/show.h"
#include "find/find_int.h"

#define BYTE_NS       50u
#define PIECE_BYTES   64u /* that a generator in Python yields at a time, and less */
#define PIECE_BYTE_NS 20u
#define LINE_NS       1500u
#define PASS_NS       14000000u /* as rule_hot_function.c has it of one pass over something */
#define LONG_BYTES    500000u
#define LOW_SHARE     0.4
#define MIN_SHARE     0.10

static bool is_serialiser(const struct hp_symbol *sym)
{
    static const char *const modules[] = {"json",
                                          "simplejson",
                                          "ujson",
                                          "orjson",
                                          "pickle",
                                          "_pickle",
                                          "csv",
                                          "xml",
                                          "lxml",
                                          "plistlib",
                                          "yaml",
                                          "msgpack",
                                          "marshmallow",
                                          "pydantic",
                                          "cattrs",
                                          "cattr",
                                          "cbor2",
                                          "xmltodict",
                                          "dicttoxml",
                                          "jsonpickle",
                                          "bson",
                                          "dataclasses_json",
                                          "flask/json",
                                          "toml",
                                          "tomllib",
                                          "tomli",
                                          "apispec",
                                          "serpy",
                                          "flask_restful/fields",
                                          "flask_restx/fields",
                                          "flask_restx/marshalling",
                                          "google/protobuf/json_format"};
    static const char *const c_modules[] = {"_json.",   "_pickle.", "_csv.",  "pyexpat.",  "_elementtree.",
                                            "marshal.", "orjson.",  "ujson.", "rapidjson."};
    if (sym->kind != HP_SYM_C) {
        bool marshals = hp_str_eq(sym->file, HP_STR("flask_restful/__init__.py")) &&
                        hp_str_eq(sym->name, HP_STR("marshal")); /* beside what dispatches to views */
        return !(sym->flags & HP_SYM_APP) &&
               (marshals || hp__bound_in(sym->file, modules, sizeof modules / sizeof *modules));
    }
    for (size_t i = 0; i < sizeof c_modules / sizeof *c_modules; i++) {
        if (hp__words_holds(sym->name, hp_str_from0(c_modules[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_input(const struct hp_symbol *sym)
{
    static const char *const words[] = {"load",   "Load",   "parse",  "Parse",      "decode",
                                        "Decode", "reader", "Reader", "fromstring", "Unpickler"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (hp__words_holds(sym->name, hp_str_from0(words[i]))) {
            return true;
        }
    }
    return false;
}

/* How often a serialiser's own generators gave a piece of text. */
static uint64_t yielded(const struct hp__view *view)
{
    const struct hp_tree *tree = view->sample->tree;
    uint64_t times = 0;
    for (uint32_t i = 1; i < tree->count; i++) {
        if (tree->nodes[i].resumes != 0 && hp_tree_live(tree, i)) {
            struct hp_symbol sym = hp_dict_symbol(view->facts->dict, tree->nodes[i].sym);
            times += is_serialiser(&sym) ? tree->nodes[i].resumes : 0;
        }
    }
    return times;
}

static uint64_t product_ns(const struct hp__view *view)
{
    const struct hp_record *record = view->sample->record;
    uint64_t bytes = hp__view_body_bytes(record);
    if (record->req.bytes_out == HP_ABSENT || record->req.bytes_out > LONG_BYTES) {
        return 0;
    }
    bytes = bytes < LONG_BYTES ? bytes : LONG_BYTES; /* of a compressed one more than that is a guess */
    uint64_t byte_ns = yielded(view) * PIECE_BYTES >= bytes ? PIECE_BYTE_NS : BYTE_NS;
    return (uint64_t)((double)(bytes * byte_ns) * hp__speed_slowness(view->sample));
}

static void describe(struct hp__find *f, struct hp_finding *finding, const struct hp__bound_part *part)
{
    char time[HP_SHOW_BYTES], count[HP_SHOW_BYTES];
    hp_show_ns(time, part->ns);
    hp_show_count(count, part->calls);
    bool input = part->input_ns * 2 > part->ns;
    const char *what = input ? "parsing" : "serialising";
    finding->title = part->calls > 1 ? hp__textf(f->arena, "%s takes %s in %s calls", what, time, count)
                                     : hp__textf(f->arena, "%s takes %s", what, time);
    const char *faster = part->own_ns * 4 > part->ns
                             ? "Do it faster: a converter of yours is called for each item; build plain "
                               "dicts and lists of the wanted fields in one comprehension, then encode once."
                             : "Do it faster: JSON without indent and without an encoder class is written by "
                               "its encoder in C, or by another one (orjson); for other formats there are "
                               "encoders in C, too (lxml).";
    finding->advice = hp__textf(f->arena,
                                "Do not do it here: a copy needs no text in between (copy by constructor or "
                                "comprehension), and fields that nobody reads need no "
                                "encoding. Do it once: keep the encoded text while the data stay the same. "
                                "Where the response is long, send pages of it. "
                                "Do it together: one dumps over the whole list instead of one an item. %s",
                                faster);
    if (input) {
        finding->advice = hp__textf(
            f->arena, "Do not do it here: read only what the response uses (a smaller file, a query). "
                      "Do it once: keep what was read while its source stays the same (a name at "
                      "module level, functools.cache, with the file's time of change as a key). Do "
                      "it together: one document instead of one an item. Do it faster: a parser in "
                      "C (yaml.CSafeLoader, orjson, lxml), or one that stops where it has what it "
                      "needs.");
    }
    hp__finding_number(finding, "calls", (double)part->calls);
    hp__finding_number(finding, "serialise_ms", (double)part->ns / 1e6);
    hp__finding_number(finding, "own_converters_ms", (double)part->own_ns / 1e6);
    if (part->saved_ns < part->ns) { /* else the response is too long to be made each time */
        hp__finding_number(finding, "response_needs_ms", (double)(part->ns - part->saved_ns) / 1e6);
    }
}

const struct hp__bound_rule hp__bound_serialisers = {.kind = HP_FIND_serialization_hot,
                                                     .is_boundary = is_serialiser,
                                                     .is_input = is_input,
                                                     .min_share = MIN_SHARE,
                                                     .low_share = LOW_SHARE,
                                                     .not_rows = true,
                                                     .line_ns = LINE_NS,
                                                     .pass_ns = PASS_NS,
                                                     .product_ns = product_ns,
                                                     .describe = describe};

hp_err hp__rule_serialization_hot(struct hp__find *f)
{
    return hp__bound_run(f, &hp__bound_serialisers);
}
