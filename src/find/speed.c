/* speed.c -- how far other programs held a request up: the time in which no processor was free. */
#include "find/find_int.h"

double hp__speed_slowness(const struct hp_sample *sample)
{
    const struct hp_record *record = sample->record;
    uint64_t cpu_ns = record->req.cpu_ns, away_ns = 0;
    if (cpu_ns == HP_ABSENT || cpu_ns == 0) {
        return 1;
    }
    if (record->lane_count != 0 && record->lanes[0].runqueue_ns != HP_ABSENT) {
        return 1 + (double)record->lanes[0].runqueue_ns / (double)cpu_ns;
    }
    for (uint32_t i = 0; i < record->wait_count; i++) {
        away_ns += record->waits[i].lane == 0 ? record->waits[i].ns : 0;
    }
    double wall = (double)sample->duration_ns - (double)away_ns;
    bool all_known = record->lane_count == 1 && record->lanes[0].wait_busy_ns != HP_ABSENT;
    return all_known && wall > (double)cpu_ns ? wall / (double)cpu_ns : 1;
}

uint64_t hp__speed_quiet_ns(const struct hp_sample *sample)
{
    const struct hp_record *record = sample->record;
    uint64_t away = record->lane_count != 0 ? record->lanes[0].runqueue_ns : HP_ABSENT;
    away = away != HP_ABSENT ? away : 0;
    return sample->duration_ns > away ? sample->duration_ns - away : 0;
}
