/* SPDX-License-Identifier: MIT
 *
 * fake_shop - what a test of the plugin over dlopen begins with: an open host, a callback,
 * and the configuration of a source "shop" that the memory provider runs.  Each test
 * program is one file, so these are its own.
 */
#ifndef TESTS_SUPPORT_FAKE_SHOP_H
#define TESTS_SUPPORT_FAKE_SHOP_H

#include "tests/support/fake_host.h"
#include "tests/support/run.h"

#define SHOP "{\"provider\":\"memory\",\"source_id\":\"shop\"}"
#define OF_SHOP "{\"source_id\":\"shop\"}"

static struct fake_host host;
static struct fake_callback callback;
static struct buf out; /* of the last step */
static wf_error err;

static inline void shop_setup(void)
{
    fake_host_init(&host, PLUGIN_SO, 0);
    fake_callback_init(&callback);
    buf_init(&out, 8u << 20);
    err = (wf_error){.code = WF_OK};
}

static inline void shop_teardown(void)
{
    fake_host_release(&host);
    fake_callback_release(&callback);
    buf_release(&out);
}

static inline void step_works(const char *step, const char *config)
{
    wf_status status = fake_step(&host, step, config, &out, &err);
    ck_assert_msg(status == WF_OK, "%s: %s", step, err.text);
}

static inline void step_fails(const char *step, const char *config, wf_status status,
                              const char *text)
{
    ck_assert_int_eq(fake_step(&host, step, config, &out, &err), status);
    ck_assert_int_eq(err.code, status);
    ck_assert_str_eq(err.text, text);
}

#endif
