/* SPDX-License-Identifier: MIT
 *
 * connect_rig - see there.
 */
#include <check.h>
#include <string.h>

#include "tests/support/connect_rig.h"

void connect_rig_open_plan(struct connect_rig *rig, struct connect_plan plan)
{
    *rig = (struct connect_rig){0};
    rig->fake = fake_connect_start();
    buf_init(&rig->out, 65536);
    ck_assert_int_eq(cancel_open(&rig->cancel, &rig->err), WF_OK);
    if (!plan.urls.len)
        plan.urls = str_from(fake_connect_url(rig->fake));
    if (!plan.timeout_ms)
        plan.timeout_ms = 5000;
    if (!plan.patience_ms)
        plan.patience_ms = 10000;
    plan.cancel = &rig->cancel;
    ck_assert_int_eq(connect_open(&plan, &rig->client, &rig->err), WF_OK);
}

void connect_rig_open(struct connect_rig *rig)
{
    connect_rig_open_plan(rig, (struct connect_plan){0});
}

void connect_rig_close(struct connect_rig *rig)
{
    ck_assert_ptr_null(strstr(rig->err.text, "hunter2"));
    fake_connect_check(rig->fake);
    connect_close(rig->client);
    fake_connect_stop(rig->fake);
    cancel_close(&rig->cancel);
    buf_release(&rig->out);
}

void connect_rig_put(struct connect_rig *rig, wf_str name, wf_str config)
{
    bool created;
    ck_assert_int_eq(connect_put(rig->client, name, config, &created, &rig->err), WF_OK);
}

void connect_rig_says(const struct connect_rig *rig, const char *words)
{
    if (!strstr(rig->err.text, words))
        ck_abort_msg("\"%s\" is not in: %s", words, rig->err.text);
}
