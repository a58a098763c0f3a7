/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/model/meta.h"
#include "coordinator/store/kube/watch-machine.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

static LullWatchMachine *machine;
static GString *told; /* "+a ~a -a !410" */
static gint64 now;

static void
emit(LullWatchType type, LullJson *take_object, gpointer user_data)
{
    static const char marks[] = {'+', '~', '-', '=', '!'};

    if (type == LULL_WATCH_ERROR)
        g_string_append_printf(told, "!%d ", (int)lull_json_int(take_object, "code", 0));
    else
        g_string_append_printf(told, "%c%s ", marks[type], lull_meta_name(take_object));
    json_object_put(take_object);
}

static void
setup(void)
{
    told = g_string_new(NULL);
    now = LULL_SEC(1000);
}

static void
teardown(void)
{
    g_clear_pointer(&machine, lull_watch_machine_free);
    g_string_free(told, TRUE);
}

static void
begin(const char *since)
{
    machine = lull_watch_machine_new(&lull_watch_usual, since, 7, emit, NULL);
}

/* The next step in words. */
static char *
next_step(void)
{
    const LullWatchStep step = lull_watch_machine_next(machine, now);

    switch (step.verb) {
    case LULL_WATCH_STEP_WAIT:
        ck_assert_int_gt(step.at, now);
        return g_strdup("wait");
    case LULL_WATCH_STEP_LIST:
        return g_strdup_printf("list %u %s", step.limit, step.continue_token ? step.continue_token : "-");
    case LULL_WATCH_STEP_WATCH:
        ck_assert_uint_ge(step.timeout_s, 300);
        ck_assert_uint_le(step.timeout_s, 600);
        return g_strdup_printf("watch %s", step.version);
    case LULL_WATCH_STEP_CUT:
        return g_strdup("cut");
    case LULL_WATCH_STEP_END:
        return g_strdup("end");
    }
    return NULL;
}

static void
expect(const char *word)
{
    g_autofree char *step = next_step();
    ck_assert_str_eq(step, word);
}

/* What was told since the last time. */
static void
expect_told(const char *words)
{
    ck_assert_str_eq(told->str, words);
    g_string_truncate(told, 0);
}

/* "a1 b2/uid": name, version, and a uid where it is not the name's. */
static char *
object_text(const char *word)
{
    g_auto(GStrv) parts = g_strsplit(word, "/", 2);
    const char *name = parts[0];

    return g_strdup_printf("{'metadata':{'namespace':'n','name':'%c','uid':'%s','resourceVersion':'%s'}}",
                           *name, parts[1] ? parts[1] : "u", name + 1);
}

static gboolean
page(const char *words, const char *version, const char *token)
{
    g_auto(GStrv) parts = g_strsplit(words, " ", -1);
    g_autoptr(GString) items = g_string_new(NULL);

    for (char **part = parts; *part && **part; part++) {
        g_autofree char *text = object_text(*part);
        g_string_append_printf(items, "%s%s", items->len ? "," : "", text);
    }
    g_autofree char *text =
        g_strdup_printf("{'metadata':{'resourceVersion':'%s','continue':'%s'},'items':[%s]}", version,
                        token ? token : "", items->str);
    g_autoptr(LullJson) list = json(text);
    return lull_watch_machine_page(machine, list, now);
}

static gboolean
event(const char *type, const char *word)
{
    g_autofree char *object = object_text(word);
    g_autofree char *text = g_strdup_printf("{'type':'%s','object':%s}", type, object);
    g_autoptr(LullJson) parsed = json(text);

    return lull_watch_machine_event(machine, parsed, now);
}

static gboolean
raw_event(const char *text)
{
    g_autoptr(LullJson) parsed = json(text);

    return lull_watch_machine_event(machine, parsed, now);
}

static gint64
wait_length(void)
{
    const LullWatchStep step = lull_watch_machine_next(machine, now);

    ck_assert_int_eq(step.verb, LULL_WATCH_STEP_WAIT);
    return step.at - now;
}

static void
pass_wait(void)
{
    now += wait_length();
}

/* Listed once, with the watch under way. */
static void
begin_watching(const char *words, const char *version)
{
    g_autofree char *watch = g_strconcat("watch ", version, NULL);

    begin(NULL);
    expect("list 50 -");
    ck_assert(page(words, version, NULL));
    expect(watch);
    lull_watch_machine_opened(machine);
    g_string_truncate(told, 0);
}

START_TEST(pages_come_first_and_the_watch_goes_on_from_the_list)
{
    begin(NULL);
    expect("list 50 -");
    expect("wait");
    ck_assert(lull_watch_machine_is_listing(machine));
    ck_assert(page("a1 b2", "9", "more"));
    expect("list 50 more");
    ck_assert(page("c3", "9", NULL));
    ck_assert(!lull_watch_machine_is_listing(machine));
    expect("watch 9");
    expect("wait");
    expect_told("+a +b +c ");
    ck_assert(event("MODIFIED", "a10"));
    ck_assert(event("DELETED", "b11"));
    ck_assert(event("ADDED", "d12"));
    expect_told("~a -b +d ");
}
END_TEST

START_TEST(what_comes_twice_is_told_once)
{
    begin_watching("a1 b2", "9");
    ck_assert(event("ADDED", "a1"));
    ck_assert(event("MODIFIED", "a10"));
    ck_assert(event("MODIFIED", "a10"));
    ck_assert(event("ADDED", "a11"));
    ck_assert(event("DELETED", "b12"));
    ck_assert(event("DELETED", "b12"));
    ck_assert(event("MODIFIED", "c13"));
    expect_told("~a ~a -b +c ");
}
END_TEST

START_TEST(another_object_of_the_name_is_a_deletion_and_an_addition)
{
    begin_watching("a1/one b2", "9");
    ck_assert(event("ADDED", "a10/two"));
    expect_told("-a +a ");
    ck_assert(event("DELETED", "a11/one"));
    expect_told("");
}
END_TEST

START_TEST(bookmarks_only_move_the_version)
{
    begin_watching("a1", "9");
    ck_assert(raw_event("{'type':'BOOKMARK','object':{'metadata':{'resourceVersion':'42'}}}"));
    expect_told("");
    now += LULL_SEC(2);
    lull_watch_machine_ended(machine, NULL, now);
    expect("watch 42");
}
END_TEST

START_TEST(a_forgotten_version_is_listed_again_and_only_differences_are_told)
{
    const char *expired = "{'type':'ERROR','object':{'kind':'Status','code':410,'reason':'Expired'}}";

    for (int by_event = 0; by_event < 2; by_event++) {
        begin_watching("a1 b2 c3 d4/one", "9");
        if (by_event)
            ck_assert(!raw_event(expired));
        else
            lull_watch_machine_refused(machine, 410, NULL, 0, now);
        expect_told("");
        expect("list 50 -");
        ck_assert(page("a1 b7", "20", "more"));
        expect("list 50 more");
        ck_assert(page("d8/two e9", "20", NULL));
        expect_told("~b -d +d +e -c ");
        expect("watch 20");
        g_clear_pointer(&machine, lull_watch_machine_free);
    }
}
END_TEST

START_TEST(an_unfinished_list_deletes_nothing)
{
    begin_watching("a1 b2 c3", "9");
    lull_watch_machine_refused(machine, 410, NULL, 0, now);
    expect("list 50 -");
    ck_assert(page("a1", "20", "more"));
    expect("list 50 more");
    lull_watch_machine_ended(machine, "the connection broke off", now);
    pass_wait();
    expect("list 50 more"); /* the same page */
    lull_watch_machine_refused(machine, 410, NULL, 0, now);
    pass_wait();
    expect("list 50 -"); /* from the beginning */
    expect_told("");
    ck_assert(page("a1 b2", "30", NULL));
    expect_told("-c ");
}
END_TEST

START_TEST(pages_that_expire_again_and_again_become_one)
{
    begin(NULL);
    for (int i = 0; i < 2; i++) {
        expect("list 50 -");
        ck_assert(page("a1", "9", "more"));
        expect("list 50 more");
        lull_watch_machine_refused(machine, 410, NULL, 0, now);
        pass_wait();
    }
    expect("list 0 -");
    ck_assert(page("a1 b2", "10", NULL));
    expect_told("+a +b ");
}
END_TEST

START_TEST(versions_that_expire_at_once_are_not_listed_in_a_storm)
{
    guint lists = 0;

    begin_watching("a1", "9");
    for (const gint64 end = now + LULL_SEC(60); now < end;) {
        const LullWatchStep step = lull_watch_machine_next(machine, now);
        if (step.verb == LULL_WATCH_STEP_LIST) {
            lists++;
            ck_assert(page("a1", "9", NULL));
        } else if (step.verb == LULL_WATCH_STEP_WATCH || lists == 0) {
            lull_watch_machine_refused(machine, 410, NULL, 0, now);
        } else {
            now = step.at;
        }
    }
    ck_assert_uint_le(lists, 8);
}
END_TEST

START_TEST(from_a_version_there_is_no_way_back)
{
    begin("5");
    expect("watch 5");
    ck_assert(event("MODIFIED", "a6"));
    now += LULL_SEC(2);
    lull_watch_machine_ended(machine, NULL, now);
    expect("watch 6");
    ck_assert(!raw_event("{'type':'ERROR','object':{'kind':'Status','code':410,'reason':'Expired',"
                         "'message':'too old'}}"));
    expect_told("~a !410 ");
    expect("end");
}
END_TEST

START_TEST(requests_that_are_wrong_are_not_repeated)
{
    static const int codes[] = {400, 405, 422};

    for (gsize i = 0; i < G_N_ELEMENTS(codes); i++) {
        g_autofree char *words = g_strdup_printf("!%d ", codes[i]);
        begin(NULL);
        expect("list 50 -");
        lull_watch_machine_refused(machine, codes[i], NULL, 0, now);
        expect_told(words);
        expect("end");
        g_clear_pointer(&machine, lull_watch_machine_free);
    }
}
END_TEST

START_TEST(refusals_back_off_and_say_why)
{
    static const int codes[] = {401, 403, 404, 429, 500, 502, 503, 504};

    for (gsize i = 0; i < G_N_ELEMENTS(codes); i++)
        for (int listing = 0; listing < 2; listing++) {
            gint64 last = 0;
            begin(listing ? NULL : "5");
            for (int n = 0; n < 5; n++) {
                expect(listing ? "list 50 -" : "watch 5");
                lull_watch_machine_refused(machine, codes[i], NULL, 0, now);
                ck_assert_ptr_nonnull(lull_watch_machine_problem(machine));
                ck_assert_int_ge(wait_length(), LULL_MSEC(800) << n);
                ck_assert_int_ge(wait_length(), last);
                last = wait_length();
                pass_wait();
            }
            expect_told("");
            g_clear_pointer(&machine, lull_watch_machine_free);
        }
}
END_TEST

START_TEST(the_server_says_when_to_come_again)
{
    begin(NULL);
    expect("list 50 -");
    lull_watch_machine_refused(machine, 429, NULL, LULL_SEC(12), now);
    ck_assert_int_ge(wait_length(), LULL_SEC(12));
    pass_wait();
    expect("list 50 -");
    g_autoptr(LullJson) status = json("{'code':503,'details':{'retryAfterSeconds':20}}");
    lull_watch_machine_refused(machine, 503, status, 0, now);
    ck_assert_int_ge(wait_length(), LULL_SEC(20));
    pass_wait();
    expect("list 50 -");
    lull_watch_machine_refused(machine, 429, NULL, LULL_SEC(100000), now);
    ck_assert_int_le(wait_length(), LULL_SEC(60));
}
END_TEST

START_TEST(the_longest_wait_is_bounded_and_health_shortens_it)
{
    begin("5");
    for (int i = 0; i < 40; i++) {
        expect("watch 5");
        lull_watch_machine_ended(machine, "refused", now);
        ck_assert_int_le(wait_length(), LULL_SEC(60));
        pass_wait();
    }
    expect("watch 5");
    lull_watch_machine_opened(machine);
    ck_assert_ptr_nonnull(lull_watch_machine_problem(machine)); /* agreed is not given */
    now += LULL_SEC(200);
    lull_watch_machine_ended(machine, NULL, now);
    ck_assert_ptr_null(lull_watch_machine_problem(machine));
    expect("watch 5");
    lull_watch_machine_ended(machine, "refused", now);
    ck_assert_int_le(wait_length(), LULL_MSEC(1600));
}
END_TEST

START_TEST(a_watch_that_had_a_life_is_opened_again_at_once)
{
    static const char *const ends[] = {NULL, "connection reset"};

    for (gsize i = 0; i < G_N_ELEMENTS(ends); i++) {
        begin_watching("a1", "9");
        now += LULL_SEC(2);
        lull_watch_machine_ended(machine, ends[i], now);
        expect("watch 9");
        lull_watch_machine_opened(machine);
        ck_assert(event("MODIFIED", "a10"));
        now += LULL_SEC(1);
        lull_watch_machine_ended(machine, ends[i], now);
        expect("watch 10");
        lull_watch_machine_opened(machine);
        lull_watch_machine_ended(machine, ends[i], now); /* at once, without a word */
        expect("wait");
        g_clear_pointer(&machine, lull_watch_machine_free);
    }
}
END_TEST

START_TEST(a_server_that_gives_a_word_and_closes_is_not_asked_in_a_storm)
{
    guint watches = 0;

    begin("5");
    for (const gint64 end = now + LULL_SEC(60); now < end;) {
        const LullWatchStep step = lull_watch_machine_next(machine, now);
        if (step.verb == LULL_WATCH_STEP_WATCH) {
            watches++;
            ck_assert_uint_le(watches, 61);
            lull_watch_machine_opened(machine);
            ck_assert(raw_event("{'type':'BOOKMARK','object':{'metadata':{'resourceVersion':'5'}}}"));
            lull_watch_machine_ended(machine, NULL, now);
        } else {
            now = step.at;
        }
    }
    ck_assert_uint_ge(watches, 30);
}
END_TEST

START_TEST(after_a_long_outage_all_is_listed_again)
{
    begin_watching("a1 b2", "9");
    now += LULL_SEC(2);
    lull_watch_machine_ended(machine, "reset", now);
    expect("watch 9");
    const gint64 began = now;
    for (;;) {
        lull_watch_machine_ended(machine, "connection refused", now);
        pass_wait();
        g_autofree char *step = next_step();
        if (g_str_equal(step, "list 50 -"))
            break;
        ck_assert_str_eq(step, "watch 9");
        ck_assert_int_le(now - began, LULL_SEC(30));
    }
    expect_told("");
    ck_assert(page("a1", "3", NULL)); /* restored from a backup */
    expect_told("-b ");
    expect("watch 3");
}
END_TEST

START_TEST(a_silent_watch_is_cut)
{
    begin_watching("a1", "9");
    now += LULL_SEC(299);
    expect("wait"); /* it never gave a bookmark: silence means nothing yet */
    now += LULL_SEC(400);
    expect("cut");
    pass_wait();
    expect("watch 9");
    lull_watch_machine_opened(machine);
    ck_assert(raw_event("{'type':'BOOKMARK','object':{'metadata':{'resourceVersion':'12'}}}"));
    now += LULL_SEC(149);
    expect("wait");
    lull_watch_machine_alive(machine, now);
    now += LULL_SEC(149);
    expect("wait");
    now += LULL_SEC(2);
    expect("cut");
    pass_wait();
    expect("watch 12");
    lull_watch_machine_opened(machine);
    now += LULL_SEC(149);
    expect("wait");
    now += LULL_SEC(2);
    expect("cut"); /* it is known to give bookmarks, also where this stream had none yet */
}
END_TEST

START_TEST(a_list_without_an_answer_is_cut)
{
    begin(NULL);
    expect("list 50 -");
    now += LULL_SEC(31);
    expect("cut");
    expect("wait");
    pass_wait();
    expect("list 50 -");
}
END_TEST

START_TEST(nonsense_is_not_believed)
{
    static const char *const events[] = {
        "{}",
        "[]",
        "{'type':'ADDED'}",
        "{'type':'ADDED','object':{}}",
        "{'type':'ADDED','object':{'metadata':{'name':'a'}}}",
        "{'type':'ADDED','object':{'metadata':{'resourceVersion':'1'}}}",
        "{'type':'SHRUNK','object':{'metadata':{'name':'a','resourceVersion':'1'}}}",
        "{'type':'BOOKMARK','object':{'metadata':{}}}",
        "{'type':7,'object':7}",
        "{'type':'ERROR'}",
        "{'type':'ERROR','object':{}}",
    };
    static const char *const pages[] = {
        "{}",
        "[]",
        "{'items':[]}",
        "{'items':{},'metadata':{'resourceVersion':'1'}}",
        "{'items':[{}],'metadata':{'resourceVersion':'1'}}",
        "{'items':[7],'metadata':{'resourceVersion':'1'}}",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(events); i++) {
        begin_watching("a1", "9");
        ck_assert(!raw_event(events[i]));
        expect_told("");
        expect("wait");
        pass_wait();
        expect("watch 9");
        g_clear_pointer(&machine, lull_watch_machine_free);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(pages); i++) {
        g_autoptr(LullJson) wrong = json(pages[i]);
        begin(NULL);
        expect("list 50 -");
        ck_assert(!lull_watch_machine_page(machine, wrong, now));
        expect_told("");
        pass_wait();
        expect("list 50 -");
        g_clear_pointer(&machine, lull_watch_machine_free);
    }
}
END_TEST

START_TEST(after_what_is_not_understood_twice_all_is_listed_again)
{
    begin_watching("a1 b2", "9");
    ck_assert(event("MODIFIED", "a10"));
    for (int i = 0; i < 2; i++) {
        ck_assert(!lull_watch_machine_event(machine, NULL, now)); /* too deep, say */
        pass_wait();
        expect(i == 0 ? "watch 10" : "list 50 -");
        if (i == 0)
            lull_watch_machine_opened(machine);
    }
    ck_assert(page("a10 c11", "12", NULL));
    expect_told("~a +c -b ");
    expect("watch 12");
    lull_watch_machine_opened(machine);
    ck_assert(!lull_watch_machine_event(machine, NULL, now));
    pass_wait();
    expect("watch 12"); /* another version: another two */
    lull_watch_machine_opened(machine);
    ck_assert(event("MODIFIED", "c13"));
    ck_assert(!lull_watch_machine_event(machine, NULL, now));
    pass_wait();
    expect("watch 13");
}
END_TEST

START_TEST(from_a_version_that_leads_to_nonsense_there_is_no_way_on)
{
    begin("5");
    expect("watch 5");
    ck_assert(!lull_watch_machine_event(machine, NULL, now));
    expect_told("");
    pass_wait();
    expect("watch 5");
    ck_assert(!lull_watch_machine_event(machine, NULL, now));
    expect_told("!410 ");
    expect("end");
}
END_TEST

START_TEST(a_server_that_agrees_and_gives_nonsense_is_away)
{
    guint lists = 0;

    begin_watching("a1", "9");
    ck_assert(!lull_watch_machine_event(machine, NULL, now));
    for (const gint64 end = now + LULL_SEC(600); now < end;) {
        const LullWatchStep step = lull_watch_machine_next(machine, now);
        if (step.verb == LULL_WATCH_STEP_LIST) {
            lists++;
            ck_assert_ptr_nonnull(lull_watch_machine_problem(machine));
            ck_assert(page("a1", "9", NULL));
        } else if (step.verb == LULL_WATCH_STEP_WATCH) {
            lull_watch_machine_opened(machine);
            (void)lull_watch_machine_event(machine, NULL, now);
        } else {
            now = step.at;
        }
    }
    ck_assert_uint_ge(lists, 2);
    ck_assert_uint_le(lists, 30);
}
END_TEST

START_TEST(an_object_of_a_list_that_is_none_is_named)
{
    g_autoptr(LullJson) wrong = json("{'metadata':{'resourceVersion':'9'},'items':[{'metadata':"
                                     "{'name':'a','resourceVersion':'1'}},{'metadata':{'name':'odd'}}]}");

    begin(NULL);
    expect("list 50 -");
    ck_assert(!lull_watch_machine_page(machine, wrong, now));
    ck_assert_ptr_nonnull(strstr(lull_watch_machine_problem(machine), "\"odd\""));
    expect_told("");
}
END_TEST

START_TEST(a_list_without_an_end_is_given_up)
{
    guint pages = 0;

    begin(NULL);
    for (expect("list 50 -"); page("a1", "9", "more"); pages++)
        expect("list 50 more");
    ck_assert_uint_lt(pages, 20000);
    pass_wait();
    expect("list 50 -");
}
END_TEST

START_TEST(what_comes_late_changes_nothing)
{
    begin_watching("a1", "9");
    ck_assert(!page("", "1", NULL)); /* of a list that nobody waits for */
    expect_told("");
    now += LULL_SEC(2);
    lull_watch_machine_ended(machine, NULL, now);
    ck_assert(!event("DELETED", "a10"));
    lull_watch_machine_refused(machine, 410, NULL, 0, now);
    lull_watch_machine_ended(machine, "again", now);
    lull_watch_machine_opened(machine);
    lull_watch_machine_alive(machine, now);
    expect_told("");
    expect("watch 9");
}
END_TEST

/* Every input in every state, in every order of four: no deletion without cause, no end, no crash. */
START_TEST(any_order_of_inputs_keeps_its_promises)
{
    for (guint code = 0; code < 9 * 9 * 9 * 9; code++) {
        begin(NULL);
        guint left = code;
        for (int i = 0; i < 4; i++, left /= 9) {
            g_autofree char *step = next_step();
            switch (left % 9) {
            case 0:
                (void)page("a1 b2", "5", NULL);
                break;
            case 1:
                (void)page("a1 b2", "5", "more");
                break;
            case 2:
                (void)event("MODIFIED", "a6");
                break;
            case 3:
                (void)raw_event("{}");
                break;
            case 4:
                lull_watch_machine_refused(machine, 410, NULL, 0, now);
                break;
            case 5:
                lull_watch_machine_refused(machine, 503, NULL, LULL_SEC(1), now);
                break;
            case 6:
                lull_watch_machine_ended(machine, "reset", now);
                break;
            case 7:
                now += LULL_SEC(40);
                break;
            default:
                now += LULL_SEC(2);
                break;
            }
        }
        ck_assert_ptr_null(strchr(told->str, '-'));
        ck_assert_ptr_null(strchr(told->str, '!'));
        for (int i = 0; i < 20; i++) { /* and it always gets on */
            const LullWatchStep step = lull_watch_machine_next(machine, now);
            if (step.verb == LULL_WATCH_STEP_WAIT)
                now = step.at;
            if (step.verb == LULL_WATCH_STEP_LIST)
                ck_assert(page("a1", "9", NULL));
            if (step.verb == LULL_WATCH_STEP_WATCH)
                break;
            ck_assert_int_lt(i, 19);
        }
        g_clear_pointer(&machine, lull_watch_machine_free);
        g_string_truncate(told, 0);
    }
}
END_TEST

static Suite *
make_suite(void)
{
    const TTest *const tests[] = {
        pages_come_first_and_the_watch_goes_on_from_the_list,
        what_comes_twice_is_told_once,
        another_object_of_the_name_is_a_deletion_and_an_addition,
        bookmarks_only_move_the_version,
        a_forgotten_version_is_listed_again_and_only_differences_are_told,
        an_unfinished_list_deletes_nothing,
        pages_that_expire_again_and_again_become_one,
        versions_that_expire_at_once_are_not_listed_in_a_storm,
        from_a_version_there_is_no_way_back,
        requests_that_are_wrong_are_not_repeated,
        refusals_back_off_and_say_why,
        the_server_says_when_to_come_again,
        the_longest_wait_is_bounded_and_health_shortens_it,
        a_watch_that_had_a_life_is_opened_again_at_once,
        a_server_that_gives_a_word_and_closes_is_not_asked_in_a_storm,
        after_a_long_outage_all_is_listed_again,
        a_silent_watch_is_cut,
        a_list_without_an_answer_is_cut,
        nonsense_is_not_believed,
        after_what_is_not_understood_twice_all_is_listed_again,
        from_a_version_that_leads_to_nonsense_there_is_no_way_on,
        a_server_that_agrees_and_gives_nonsense_is_away,
        an_object_of_a_list_that_is_none_is_named,
        a_list_without_an_end_is_given_up,
        what_comes_late_changes_nothing,
        any_order_of_inputs_keeps_its_promises,
    };
    Suite *suite = suite_create("watch-machine");
    TCase *tcase = tcase_create("all");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
