/* boot.c -- see boot.h. */
#include "cli/boot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/str.h"
#include "cli/outfile.h"
#include "cli/output.h"

/* Runs in whatever Python the command starts, so it must compile on all of them, 2.7 too, and never raise.
 * First the sitecustomize that ours hides (with its exception, if it has one: the interpreter reports that as
 * ever), then Hotplate. */
static const char text[] =
    "# Written by `hotplate run`: starts Hotplate in this interpreter. Safe to delete.\n"
    "import os\n"
    "import sys\n"
    "\n"
    "\n"
    "def _chain(here):\n"
    "    def is_other(entry):\n"
    "        return os.path.abspath(entry or os.curdir) != here\n"
    "\n"
    "    path = [entry for entry in sys.path if is_other(entry)]\n"
    "    if sys.version_info[0] < 3:\n"
    "        import imp\n"
    "\n"
    "        try:\n"
    "            found = imp.find_module('sitecustomize', path)\n"
    "        except ImportError:\n"
    "            return\n"
    "        imp.load_module('sitecustomize', *found)\n"
    "        return\n"
    "    from importlib.machinery import PathFinder\n"
    "    from importlib.util import module_from_spec\n"
    "\n"
    "    spec = PathFinder.find_spec('sitecustomize', path)\n"
    "    if spec is None or spec.loader is None:\n"
    "        return\n"
    "    module = module_from_spec(spec)\n"
    "    sys.modules['sitecustomize'] = module\n"
    "    spec.loader.exec_module(module)\n"
    "\n"
    "\n"
    "def _start():\n"
    "    marker = os.environ.get('HOTPLATE_RUN')\n"
    "    if not marker:\n"
    "        return\n"
    "    try:\n"
    "        import hotplate._launch\n"
    "    except Exception as error:\n"
    "        message = ' '.join(str(error).split())\n"
    "        line = 'import-error %s %s %s\\n' % (sys.executable, sys.version.split()[0], message)\n"
    "        try:\n"
    "            file = os.open(marker, os.O_WRONLY | os.O_APPEND)\n"
    "            try:\n"
    "                os.write(file, line.encode('utf-8', 'replace'))\n"
    "            finally:\n"
    "                os.close(file)\n"
    "        except Exception:\n"
    "            pass\n"
    "\n"
    "\n"
    "try:\n"
    "    _chain(os.path.dirname(os.path.abspath(__file__)))\n"
    "finally:\n"
    "    _start()\n";

/* Make one folder; there already is fine. */
static hp_err make_folder(const char *path, struct hp_errinfo *info)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return hp_err_set(info, HP_EIO, 0, "%.180s: %s", path, strerror(errno));
    }
    return HP_OK;
}

hp_err hp_boot_make(const char *folder, char boot[HP_STOREPATH_BYTES], struct hp_errinfo *info)
{
    char above[HP_STOREPATH_BYTES], file[HP_STOREPATH_BYTES];
    uint64_t hash = hp_hash64(text, sizeof text - 1, 0);
    int a = snprintf(above, sizeof above, "%s/boot", folder);
    int b = snprintf(boot, HP_STOREPATH_BYTES, "%s/boot/%016" PRIx64, folder, hash);
    int c = snprintf(file, sizeof file, "%s/boot/%016" PRIx64 "/sitecustomize.py", folder, hash);
    if (a < 0 || b < 0 || c < 0 || c >= HP_STOREPATH_BYTES) {
        return hp_err_set(info, HP_EINVAL, 0, "the store's path is too long");
    }
    hp_err err = make_folder(above, info);
    if (err == HP_OK) {
        err = make_folder(boot, info);
    }
    if (err == HP_OK && access(file, R_OK) != 0) {
        err = hp_outfile_write(file, hp_str_make(text, sizeof text - 1), info);
    }
    return err;
}
