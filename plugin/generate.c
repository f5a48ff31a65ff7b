/* SPDX-License-Identifier: MIT
 *
 * generate - cdc-generate, a tool of the build: prints what comes from the type and option
 * tables.
 *
 *     cdc-generate manifest        plugin.manifest.json
 *     cdc-generate configuration   docs/configuration.md
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/manifest.h"

static int generate_usage(void)
{
    fputs("usage: cdc-generate manifest|configuration\n", stderr);
    return 2;
}

int main(int count, char **words)
{
    CDC_CLEANUP(buf_release) struct buf out;
    buf_init(&out, LIMIT_OUTPUT_BYTES);
    wf_str what = str_from(count == 2 ? words[1] : NULL);
    if (str_is(what, "manifest"))
        manifest_write(&out);
    else if (str_is(what, "configuration"))
        manifest_write_configuration(&out);
    else
        return generate_usage();
    wf_error err;
    if (buf_status(&out, "output", &err)) {
        fprintf(stderr, "cdc-generate: %s\n", err.text);
        return EXIT_FAILURE;
    }
    bool written = fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    return written ? EXIT_SUCCESS : EXIT_FAILURE;
}
