/* connections.h -- what one request's database connections took, added up by connection; as JSON too. */
#ifndef HP_CONNECTIONS_H
#define HP_CONNECTIONS_H

#include "base/json.h"
#include "model/record.h"

struct hp_connection {
    uint64_t steps_ns[HP_DB_STEPS], steps[HP_DB_STEPS]; /* by enum hp_db_step_kind */
    uint64_t executions, execute_ns, fetch_ns;          /* of the executions that the record has */
    uint32_t number;                                    /* of the process; 0: not known, or none came about */
};

/* The connections in order of their number, in memory that the caller frees (hp_free). NULL: no step was
 * recorded, or no memory (*err). */
struct hp_connection *hp_connections_of(const struct hp_record *record, uint32_t *count, hp_err *err);

/* "pool", "connect", "ping", "commit", "rollback". */
const char *hp_connections_step(unsigned kind);

/* Member "connections" of an object that the caller has begun; nothing where no step was recorded. Layout:
 * docs/formats/cli.md. */
void hp_connections_json(struct hp_json *json, const struct hp_record *record);

#endif
