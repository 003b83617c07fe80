/* sampler.c -- the sampler inside the process (hotplate/ext/sampler.h): what it must know of this
 * interpreter, and its counts.
 *
 * The core reads the interpreter's memory by offsets. Before it may, the frames of the thread that asks are
 * compared with what the interpreter itself says they are: a layout that is not right is refused, not
 * believed.
 */
#include "ext.h"

#include "hotplate/ext/sampler.h"

enum { CHECKED_FRAMES = 64 };

/* Code objects of this thread's frames, innermost first. */
static uint32_t own_codes(uint64_t *codes)
{
    uint32_t count = 0;
    for (hp_frame *frame = hp_frame_current(PyThreadState_Get()); frame != NULL && count < CHECKED_FRAMES;
         frame = hp_frame_caller(frame)) {
        codes[count++] = (uint64_t)(uintptr_t)hp_frame_code(frame);
    }
    return count;
}

int hp_sampling_start(unsigned rate_hz, int mode)
{
    uint64_t codes[CHECKED_FRAMES];
    hp_ext.codes_watched = hp_ext.codes_watched || hp_code_watch();
    struct hp_sampling_config config = {
        .runtime = (uint64_t)(uintptr_t)hp_runtime_address(),
        .code_type = (uint64_t)(uintptr_t)&PyCode_Type,
        .version = (uint32_t)Py_Version,
        .code_version = hp_code_version_offset(),
        .watched = hp_ext.codes_watched,
        .extra_offset = hp_code_extra_offset(),
        .extra_index = (uint32_t)hp_ext.code_index,
        .rate_hz = rate_hz,
        .mode = mode,
        .classify = hp_classify_unlocked,
        .thread = (uint64_t)(uintptr_t)PyThreadState_Get(),
        .codes = codes,
        .code_count = own_codes(codes),
    };
    if (hp_ext.sampling) {
        return 0;
    }
    if (hp_cap_sampling(hp_ext.cap, &config) != HP_OK) {
        hp_cap_error(hp_ext.cap);
        return HP_X_REASON_UNSUPPORTED;
    }
    hp_ext.sampling = true;
    return 0;
}

PyDoc_STRVAR(
    sampler_doc,
    "sampler() -> dict\n\nWhat the sampler of this process has done so far, as integers and two flags.");

static PyObject *sampler_counts(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    struct hp_cap_sampling_counts c = {0};
    if (hp_ext.cap != NULL) {
        hp_cap_sampling_counts(hp_ext.cap, &c);
    }
    return Py_BuildValue("{sKsKsKsKsKsKsKsKsKsKsKsKsIsOsO}", "sweeps", c.sweeps, "samples", c.samples,
                         "reused", c.reused, "outside", c.outside, "torn", c.torn, "cut", c.cut, "late",
                         c.late, "lost", c.lost, "faults", c.faults, "forgotten", c.forgotten, "cpu_ns",
                         c.cpu_ns, "ns", c.ns, "rate_hz", c.rate_hz, "running",
                         c.running ? Py_True : Py_False, "direct", c.direct ? Py_True : Py_False);
}

static PyMethodDef functions[] = {
    {"sampler", sampler_counts, METH_NOARGS, sampler_doc},
    {NULL, NULL, 0, NULL},
};

int hp_sampling_init(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
