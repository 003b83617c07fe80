/* place.c -- classification of file names; see hotplate/ext/place.h. */
#include "hotplate/ext/place.h"

#include <fnmatch.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define LIST_COUNT 5
#define LIST_MAX   1024
#define TEXT_MAX   4095

struct list {
    struct hp_str *items; /* NUL-terminated copies */
    size_t count, capacity;
};

struct hp_places {
    struct list lists[LIST_COUNT];
};

/* Packages that dispatch to the application rather than work for it: a hot spot there is the application's
 * own callee. */
static const char *const frameworks[] = {
    "flask",   "werkzeug", "jinja2",  "click",     "gunicorn",   "gevent",       "greenlet", "waitress",
    "asgiref", "wsgiref",  "asyncio", "threading", "concurrent", "socketserver", "http",     "blinker"};

struct hp_places *hp_places_new(void)
{
    return hp_calloc(1, sizeof(struct hp_places));
}

void hp_places_free(struct hp_places *places)
{
    if (places == NULL) {
        return;
    }
    for (int i = 0; i < LIST_COUNT; i++) {
        hp_places_clear(places, (enum hp_place_list)i);
        hp_free(places->lists[i].items);
    }
    hp_free(places);
}

void hp_places_clear(struct hp_places *places, enum hp_place_list which)
{
    struct list *list = &places->lists[which];
    for (size_t i = 0; i < list->count; i++) {
        hp_free((void *)(uintptr_t)list->items[i].p);
    }
    list->count = 0;
}

bool hp_places_add(struct hp_places *places, enum hp_place_list which, const char *text, size_t n)
{
    struct list *list = &places->lists[which];
    while (n > 1 && text[n - 1] == '/') {
        n--;
    }
    if (n == 0 || n > TEXT_MAX || list->count == LIST_MAX) {
        return false;
    }
    if (list->count == list->capacity) {
        size_t capacity = list->capacity != 0 ? list->capacity * 2 : 16;
        struct hp_str *items = hp_realloc(list->items, capacity * sizeof *items);
        if (items == NULL) {
            return false;
        }
        list->items = items;
        list->capacity = capacity;
    }
    char *copy = hp_malloc(n + 1);
    if (copy == NULL) {
        return false;
    }
    memcpy(copy, text, n);
    copy[n] = '\0';
    list->items[list->count++] = hp_str_make(copy, n);
    return true;
}

static bool below(struct hp_str name, struct hp_str folder)
{
    return name.n > folder.n + 1 && memcmp(name.p, folder.p, folder.n) == 0 && name.p[folder.n] == '/';
}

/* Length of the longest entry that `name` lies below (or is); 0 if none. */
static size_t longest(const struct list *list, struct hp_str name)
{
    size_t best = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct hp_str item = list->items[i];
        if (item.n > best && (below(name, item) || hp_str_eq(name, item))) {
            best = item.n;
        }
    }
    return best;
}

static bool matches_glob(const struct list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (fnmatch(list->items[i].p, name, 0) == 0) {
            return true;
        }
    }
    return false;
}

/* Start of what follows the last "/<folder>/" in name, or 0. */
static size_t after_folder(struct hp_str name, const char *folder)
{
    size_t n = strlen(folder);
    for (size_t i = name.n; i-- > 0;) {
        if (name.p[i] == '/' && i + n + 2 <= name.n && memcmp(name.p + i + 1, folder, n) == 0 &&
            name.p[i + n + 1] == '/') {
            return i + n + 2;
        }
    }
    return 0;
}

static size_t after_packages(struct hp_str name)
{
    size_t at = after_folder(name, "site-packages");
    return at != 0 ? at : after_folder(name, "dist-packages");
}

static bool is_framework(struct hp_str shown)
{
    for (size_t i = 0; i < sizeof frameworks / sizeof frameworks[0]; i++) {
        size_t n = strlen(frameworks[i]);
        if (shown.n > n && memcmp(shown.p, frameworks[i], n) == 0 &&
            (shown.p[n] == '/' || shown.p[n] == '.')) {
            return true;
        }
    }
    return false;
}

static bool is_python(struct hp_str name)
{
    return hp_str_ends(name, HP_STR(".py")) || hp_str_ends(name, HP_STR(".pyc")) ||
           hp_str_ends(name, HP_STR(".pyw")) || hp_str_ends(name, HP_STR(".pyx")) ||
           hp_str_ends(name, HP_STR(".ipy"));
}

/* A template is written from its templates folder on, else with the folder that holds it. */
static struct hp_str template_text(struct hp_str name)
{
    size_t at = after_folder(name, "templates");
    if (at != 0) {
        at -= strlen("templates/");
    } else {
        int slashes = 0;
        for (at = name.n; at > 0 && slashes < 2; at--) {
            slashes += name.p[at - 1] == '/';
        }
        at += slashes == 2 ? 1 : 0;
    }
    return hp_str_make(name.p + at, name.n - at);
}

static void copy_out(struct hp_str text, char *out, size_t capacity)
{
    struct hp_str cut = hp_utf8_cut(text, capacity - 1);
    memcpy(out, cut.p, cut.n);
    out[cut.n] = '\0';
}

/* A name in angle brackets: no file. */
static int classify_unreal(struct hp_str name)
{
    return hp_str_eq(name, HP_STR("<template>")) ? HP_PLACE_IS_APP | HP_PLACE_IS_TEMPLATE : 0;
}

int hp_places_classify(const struct hp_places *places, const char *text, size_t n, char *out, size_t capacity)
{
    struct hp_str name = hp_str_make(text, n < TEXT_MAX ? n : TEXT_MAX);
    if (name.n == 0 || name.p[0] == '<') {
        copy_out(name, out, capacity);
        return classify_unreal(name);
    }
    char zero[TEXT_MAX + 1];
    memcpy(zero, name.p, name.n);
    zero[name.n] = '\0';

    const struct list *lists = places->lists;
    size_t packages = after_packages(name);
    size_t library = longest(&lists[HP_PLACE_LIBRARY], name);
    size_t app = longest(&lists[HP_PLACE_APP], name);
    size_t root = longest(&lists[HP_PLACE_ROOT], name);
    bool own = longest(&lists[HP_PLACE_OWN], name) != 0;
    bool is_app = !own && (matches_glob(&lists[HP_PLACE_GLOB], zero) || (app != 0 && app >= library) ||
                           (packages == 0 && library == 0));
    int flags = is_app ? HP_PLACE_IS_APP : 0;

    struct hp_str shown = name;
    if (!is_app && packages != 0) {
        shown = hp_str_make(name.p + packages, name.n - packages);
    } else if (!is_app && library != 0) {
        shown = hp_str_make(name.p + library + 1, name.n - library - 1);
    } else if (root != 0 && root + 1 < name.n) {
        shown = hp_str_make(name.p + root + 1, name.n - root - 1);
    }
    if (!is_python(name)) {
        flags |= HP_PLACE_IS_TEMPLATE;
        shown = template_text(name);
    }
    if (own) {
        flags |= HP_PLACE_IS_OWN | HP_PLACE_IS_FRAMEWORK;
    } else if (!is_app && is_framework(shown)) {
        flags |= HP_PLACE_IS_FRAMEWORK;
    }
    copy_out(shown, out, capacity);
    return flags;
}
