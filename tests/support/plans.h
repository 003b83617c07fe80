/* plans.h -- golden plans (tests/golden/plan) with the frame that a child puts around them. */
#ifndef PLANS_H
#define PLANS_H

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "find/plan_advice.h"

/* What tests/golden/plan was asked for, by number from 1: real servers' answers to these, with 5,000 students
 * in 50 classes. */
static const char *const plans_statements[] = {
    "SELECT * FROM student WHERE email = 'u7@x'",
    "SELECT s.name, k.name FROM student s JOIN klass k ON k.id = s.class_id WHERE s.age > 30 ORDER BY s.name",
    "SELECT k.name, (SELECT COUNT(*) FROM student s WHERE s.class_id = k.id) FROM klass k WHERE k.id < 5",
    "SELECT class_id, COUNT(*) FROM student GROUP BY class_id ORDER BY 2 DESC LIMIT 3",
    "SELECT * FROM student WHERE id = 5",
    "SELECT name FROM student WHERE class_id IN (SELECT id FROM klass WHERE name = 'k3') UNION ALL SELECT "
    "name FROM "
    "klass"};
#define PLANS_COUNT (sizeof plans_statements / sizeof *plans_statements)

static const struct {
    const char *file, *engine;
} plans_kinds[] = {{"sqlite", "sqlite"},
                   {"mariadb", "mariadb"},
                   {"mysql8", "mysql"},
                   {"mysql", "mysql"},
                   {"postgresql", "postgresql"}};
#define PLANS_KINDS (sizeof plans_kinds / sizeof *plans_kinds)

static const char plans_tables[] =
    "[{\"name\":\"student\",\"rows\":5000,\"columns\":[{\"name\":\"id\",\"type\":\"int\"},"
    "{\"name\":\"class_id\",\"type\":\"int\",\"distinct\":50},{\"name\":\"email\",\"type\":\"varchar(60)\","
    "\"distinct\":5000},{\"name\":\"name\",\"type\":\"text\"},{\"name\":\"age\",\"type\":\"int\","
    "\"distinct\":80},"
    "{\"name\":\"active\",\"type\":\"int\",\"distinct\":2},{\"name\":\"code\",\"type\":\"text\",\"distinct\":"
    "5000,"
    "\"cast\":true},{\"name\":\"order\",\"type\":\"text\",\"distinct\":5000},"
    "{\"name\":\"town\",\"type\":\"text\",\"distinct\":4000}],\"indexes\":[{\"name\":\"primary\",\"unique\":"
    "true,"
    "\"columns\":[\"id\"]},{\"name\":\"by_town\",\"unique\":false,\"columns\":[\"town\",\"age\"]}]},"
    "{\"name\":\"klass\",\"rows\":50,\"columns\":[{\"name\":\"id\",\"type\":\"int\"},"
    "{\"name\":\"name\",\"type\":\"text\",\"distinct\":50}],"
    "\"indexes\":[{\"name\":\"primary\",\"unique\":true,\"columns\":[\"id\"]}]}]";

/* Append the document of golden plan `number` of a kind. */
static inline void plans_load(size_t kind, size_t number, struct hp_buf *out)
{
    char path[1024], bytes[4096];
    size_t n;
    snprintf(path, sizeof path, "%s/golden/plan/%s-%zu.json", getenv("HP_TEST_DATA"), plans_kinds[kind].file,
             number);
    FILE *file = fopen(path, "rb");
    hp_buf_printf(out,
                  "{\"engine\":\"%s\",\"version\":\"1\",\"tables\":%s,\"plan\":", plans_kinds[kind].engine,
                  plans_tables);
    while (file != NULL && (n = fread(bytes, 1, sizeof bytes, file)) > 0) {
        hp_buf_put(out, bytes, n);
    }
    if (file != NULL) {
        fclose(file);
    }
    hp_buf_put_text(out, HP_STR("}"));
}

#endif
