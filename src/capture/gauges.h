/* gauges.h -- what the process uses: memory, CPU, threads, descriptors; read from /proc, without the
 * interpreter.
 */
#ifndef HP_GAUGES_H
#define HP_GAUGES_H

#include <stdbool.h>
#include "store/store.h"

#define HP_GAUGE_EVERY_NS UINT64_C(60000000000)

/* Read the gauges of this process now (pid and start_ns stay 0). False: /proc cannot be read. Threads: any.
 * Blocks: some file reads. */
bool hp_gauges_read(struct hp_gauge *gauge);

#endif
