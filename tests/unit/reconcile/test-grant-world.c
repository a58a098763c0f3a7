/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/content-decide.h"
#include "coordinator/reconcile/grant-book.h"
#include "coordinator/reconcile/grant-decide.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"

/* Two leaders, one of which may not know yet that it is none, and two nodes, over one content in an API
 * server that takes a write only if nothing was written since its writer looked. Each looks when it may, and
 * acts on what it saw at once, later, or much later; events are lost, late and told again, since nobody looks
 * when he should. The machine moves; nodes die and come back; writes are done without an answer. */

#define NODES  2
#define STEPS  600
#define UID    "content"
#define WORK   LULL_SEC(3)
#define FREEZE LULL_SEC(30) /* what a freeze that was begun in the last moment may take */

typedef struct {
    guint64 version;
    gboolean wanted;
    LullContentStage stage;
    guint number;
    int life; /* of who began it */
    int label;
    LullGrant grant; /* attempt 0: none */
    guint last;      /* number that was granted */
} Content;

typedef struct {
    LullGrantBook *book;
    gint64 term;      /* 0: it never led */
    gboolean deposed; /* and does not know it where it is about to act */
    gboolean acts;
    Content seen;
    LullGrantVerb verb;
    guint next;
    int place;
} Leader;

typedef struct {
    LullGrantBook *book;
    int life;
    LullWork attempt, discard;
    guint number; /* that it works on */
    gboolean acts;
    Content seen;
    LullContentVerb verb;
    guint next;
    gint64 limit; /* of the attempt that is to start */
    gint64 end;
} Node;

typedef struct {
    GRand *dice;
    gint64 now;
    gint64 term;
    Content content;
    int machine;     /* node; -1: it is off, and may be worked on anywhere */
    gboolean moving; /* from there, and can be worked on nowhere */
    Leader leaders[2];
    Node nodes[NODES];
    int lives;
    GHashTable *begun, *discarded; /* numbers */
    gint64 frozen_until;           /* as far as anybody may have touched the guest */
    int frozen_by;
} World;

static const char *const names[NODES] = {"a", "b"};

static gboolean
chance(World *world, int one_in)
{
    return g_rand_int_range(world->dice, 0, one_in) == 0;
}

static const LullGrant *
grant_of(const Content *content)
{
    return content->grant.attempt ? &content->grant : NULL;
}

/* FALSE: somebody was faster. */
static gboolean
may_write(World *world, const Content *seen)
{
    if (seen->version != world->content.version)
        return FALSE;
    world->content.version++;
    return TRUE;
}

static void
leader_looks(World *world, Leader *self)
{
    const Content *content = &world->content;
    LullGrantView view = {
        .now = world->now,
        .exists = TRUE,
        .wanted = content->wanted,
        .stage = content->stage,
        .number = content->number,
        .granted = content->grant.attempt,
        .last = content->last,
        .ours = content->grant.term == self->term,
        .placed = !world->moving,
        .valid_for = content->grant.valid_for,
    };

    if (!self->term || self->deposed)
        return;
    self->place = world->machine >= 0 ? world->machine : (int)(self - world->leaders);
    view.misplaced =
        content->grant.attempt &&
        (world->moving || (world->machine >= 0 && !g_str_equal(content->grant.node, names[world->machine])));
    lull_grant_book_see(self->book, UID, grant_of(content), content->number, world->now);
    view.granted_at = lull_grant_book_granted_at(self->book, UID, world->now);
    view.begun_at = lull_grant_book_begun_at(self->book, UID, world->now);
    self->verb = lull_grant_decide(&view).verb;
    self->next = lull_grant_next(&view);
    self->seen = *content;
    self->acts = self->verb != LULL_GRANT_WAIT;
}

static void
leader_acts(World *world, Leader *self)
{
    Content *content = &world->content;

    if (!self->acts || !may_write(world, &self->seen))
        return;
    self->acts = FALSE;
    if (self->verb == LULL_GRANT_GIVE) {
        ck_assert_msg(self->next > content->last, "%u is granted again", self->next);
        content->last = self->next;
        content->grant = (LullGrant){.term = self->term,
                                     .attempt = self->next,
                                     .node = (char *)names[self->place],
                                     .valid_for = LULL_GRANT_VALID};
        content->label = self->place;
    } else {
        content->grant = (LullGrant){0};
        content->label = (int)(self - world->leaders);
    }
}

static void
node_looks(World *world, Node *self)
{
    const int me = (int)(self - world->nodes);
    const Content *content = &world->content;
    const LullGrant *grant = grant_of(content);
    LullChargeFacts facts = {.named = grant && g_str_equal(grant->node, names[me]),
                             .granted = content->grant.attempt,
                             .number = content->number,
                             .labeled = content->label == me};
    LullContentView view = {.now = world->now,
                            .exists = TRUE,
                            .has_finalizer = TRUE,
                            .wanted = content->wanted,
                            .stage = content->stage,
                            .ours = content->life == self->life,
                            .attempt = self->attempt,
                            .discard = self->discard};

    lull_grant_book_see(self->book, UID, grant, content->number, world->now);
    facts.good = lull_grant_book_is_good(self->book, UID, grant, world->now);
    view.charge = lull_charge_of(&facts);
    view.superseded = lull_charge_superseded(&facts);
    self->verb = lull_content_decide(&view).verb;
    self->next = content->grant.attempt;
    self->seen = *content;
    self->limit = lull_grant_book_begun_at(self->book, UID, world->now) + LULL_GRANT_WORK;
    self->acts = self->verb != LULL_CONTENT_WAIT;
    if (self->verb == LULL_CONTENT_BEGIN_ATTEMPT)
        lull_grant_book_claim(self->book, UID, self->next, world->now);
}

/* The guest is nobody else's, however long this was on the way. */
static void
touch_guest(World *world, Node *self)
{
    const int me = (int)(self - world->nodes);

    if (world->now >= self->limit) { /* the attempt looks at its deadline first */
        self->attempt = LULL_WORK_DONE;
        return;
    }
    ck_assert_msg(world->now >= world->frozen_until || world->frozen_by == me,
                  "%s begins attempt %u while %s works on the machine", names[me], self->number,
                  names[world->frozen_by]);
    self->end = chance(world, 4) ? self->limit + FREEZE : MIN(world->now + WORK, self->limit);
    self->attempt = LULL_WORK_RUNNING;
    world->frozen_until = self->end;
    world->frozen_by = me;
}

static void
claims(World *world, Node *self)
{
    Content *content = &world->content;

    if (!may_write(world, &self->seen))
        return;
    ck_assert_msg(g_hash_table_add(world->begun, GUINT_TO_POINTER(self->next)), "%u begins again",
                  self->next);
    content->stage = LULL_CONTENT_BEGUN;
    content->number = self->next;
    content->life = self->life;
    self->attempt = LULL_WORK_NONE;
}

static void
records(World *world, Node *self)
{
    Content *content = &world->content;

    if (!may_write(world, &self->seen))
        return;
    content->stage = chance(world, 3) ? LULL_CONTENT_FAILED : LULL_CONTENT_CUT;
    ck_assert_msg(content->stage == LULL_CONTENT_FAILED ||
                      !g_hash_table_contains(world->discarded, GUINT_TO_POINTER(content->number)),
                  "what attempt %u cut is removed", content->number);
    self->attempt = LULL_WORK_NONE;
}

static void
records_discard(World *world, Node *self)
{
    if (!may_write(world, &self->seen))
        return;
    world->content.stage = LULL_CONTENT_FAILED;
    self->discard = LULL_WORK_NONE;
}

static void
lets_go(World *world, Node *self)
{
    if (self->attempt == LULL_WORK_RUNNING)
        self->end = MIN(self->end, world->now + FREEZE);
    else if (self->verb == LULL_CONTENT_ABANDON)
        self->attempt = LULL_WORK_NONE;
    if (self->verb == LULL_CONTENT_ABANDON)
        self->discard = LULL_WORK_NONE;
}

static void
node_acts(World *world, Node *self)
{
    if (!self->acts)
        return;
    self->acts = FALSE;
    self->number = self->seen.number;
    if (self->verb == LULL_CONTENT_BEGIN_ATTEMPT)
        claims(world, self);
    else if (self->verb == LULL_CONTENT_START_ATTEMPT)
        touch_guest(world, self);
    else if (self->verb == LULL_CONTENT_RECORD_ATTEMPT)
        records(world, self);
    else if (self->verb == LULL_CONTENT_RECORD_DISCARD)
        records_discard(world, self);
    else if (self->verb == LULL_CONTENT_CANCEL_ATTEMPT || self->verb == LULL_CONTENT_ABANDON)
        lets_go(world, self);
    else
        ck_assert_int_eq(self->verb, LULL_CONTENT_START_DISCARD);
    if (self->verb == LULL_CONTENT_START_DISCARD) {
        g_hash_table_add(world->discarded, GUINT_TO_POINTER(self->number));
        self->discard = LULL_WORK_RUNNING;
    }
}

/* Its jobs go on meanwhile, and end. */
static void
nodes_work(World *world)
{
    for (int i = 0; i < NODES; i++) {
        Node *node = &world->nodes[i];

        if (node->attempt == LULL_WORK_RUNNING && world->now >= node->end)
            node->attempt = LULL_WORK_DONE;
        if (node->discard == LULL_WORK_RUNNING && chance(world, 3))
            node->discard = LULL_WORK_DONE;
    }
}

/* A process of the node ends and another begins: it thaws first, and knows nothing. */
static void
node_restarts(World *world, Node *self)
{
    g_clear_pointer(&self->book, lull_grant_book_free);
    if (self->attempt == LULL_WORK_RUNNING)
        world->frozen_until = MIN(world->frozen_until, world->now);
    *self = (Node){.book = lull_grant_book_new(), .life = ++world->lives};
    lull_grant_book_find(self->book, UID, grant_of(&world->content));
}

static void
leader_begins(World *world, Leader *self)
{
    g_clear_pointer(&self->book, lull_grant_book_free);
    *self = (Leader){.book = lull_grant_book_new(), .term = ++world->term};
}

static void
world_init(World *world, guint32 seed)
{
    *world = (World){.dice = g_rand_new_with_seed(seed), .now = LULL_SEC(1000), .frozen_by = -1};
    world->content = (Content){.version = 1, .wanted = TRUE};
    world->begun = g_hash_table_new(NULL, NULL);
    world->discarded = g_hash_table_new(NULL, NULL);
    world->machine = g_rand_int_range(world->dice, -1, NODES);
    for (int i = 0; i < NODES; i++)
        node_restarts(world, &world->nodes[i]);
    leader_begins(world, &world->leaders[0]);
}

static void
world_clear(World *world)
{
    for (int i = 0; i < NODES; i++)
        lull_grant_book_free(world->nodes[i].book);
    for (int i = 0; i < 2; i++)
        lull_grant_book_free(world->leaders[i].book);
    g_hash_table_unref(world->begun);
    g_hash_table_unref(world->discarded);
    g_rand_free(world->dice);
}

static void
trouble(World *world)
{
    switch (g_rand_int_range(world->dice, 0, 5)) {
    case 0:
        node_restarts(world, &world->nodes[g_rand_int_range(world->dice, 0, NODES)]);
        break;
    case 1: /* the other one leads; the one before may act once more */
        leader_begins(world, &world->leaders[world->term % 2]);
        world->leaders[world->term % 2].deposed = TRUE;
        break;
    case 2:
        world->machine = g_rand_int_range(world->dice, -1, NODES);
        world->moving = world->machine >= 0 && chance(world, 3);
        break;
    case 3:
        world->now += LULL_SEC(g_rand_int_range(world->dice, 1, 400));
        break;
    default:
        world->now += LULL_GRANT_VALID;
        break;
    }
}

static void
somebody(World *world)
{
    Leader *leader = &world->leaders[g_rand_int_range(world->dice, 0, 2)];
    Node *node = &world->nodes[g_rand_int_range(world->dice, 0, NODES)];

    nodes_work(world);
    switch (g_rand_int_range(world->dice, 0, 4)) {
    case 0:
        if (!leader->acts || chance(world, 3))
            leader_looks(world, leader);
        break;
    case 1:
        leader_acts(world, leader);
        break;
    case 2:
        if (!node->acts || chance(world, 3))
            node_looks(world, node);
        break;
    default:
        node_acts(world, node);
        break;
    }
}

/* The content came into being with the first leader's grant; @late: when another led already. */
static void
make_granted(World *world, gboolean late)
{
    const int place = MAX(world->machine, 0);

    if (late)
        leader_begins(world, &world->leaders[1]);
    world->content.grant = (LullGrant){.term = world->leaders[0].term,
                                       .attempt = 1,
                                       .node = (char *)names[place],
                                       .valid_for = LULL_GRANT_VALID};
    world->content.last = 1;
    world->content.label = place;
    world->leaders[0].deposed = late;
}

START_TEST(test_never_two_nodes_at_work_on_one_machine)
{
    World world;

    world_init(&world, (guint32)_i);
    if (_i % 2)
        make_granted(&world, _i % 4 == 3);
    for (guint step = 0; step < STEPS && world.content.stage != LULL_CONTENT_CUT; step++) {
        world.now += LULL_MSEC(g_rand_int_range(world.dice, 1, 900));
        if (chance(&world, 12))
            trouble(&world);
        somebody(&world);
    }
    world.moving = FALSE;
    /* once there is peace, it is taken */
    for (guint step = 0; step < 40 * STEPS && world.content.stage != LULL_CONTENT_CUT; step++) {
        world.now += LULL_MSEC(100);
        somebody(&world);
    }
    ck_assert_int_eq(world.content.stage, LULL_CONTENT_CUT);
    world_clear(&world);
}
END_TEST

/* Stories, step by step. */

static void
let_leader(World *world)
{
    leader_looks(world, &world->leaders[0]);
    leader_acts(world, &world->leaders[0]);
}

static LullContentVerb
let_node(World *world, int i)
{
    Node *node = &world->nodes[i];

    nodes_work(world);
    node_looks(world, node);
    node_acts(world, node);
    return node->verb;
}

static void
story_init(World *world)
{
    world_init(world, 1);
    world->machine = 0;
}

START_TEST(test_a_lost_leader_stops_new_attempts_only)
{
    World world;

    story_init(&world);
    let_leader(&world);
    ck_assert_int_eq(let_node(&world, 0), LULL_CONTENT_BEGIN_ATTEMPT);
    world.leaders[0].deposed = TRUE;
    ck_assert_int_eq(let_node(&world, 0), LULL_CONTENT_START_ATTEMPT);
    world.now = world.nodes[0].end;
    ck_assert_int_eq(let_node(&world, 0), LULL_CONTENT_RECORD_ATTEMPT);
    world.content.stage = LULL_CONTENT_FAILED;
    ck_assert_int_eq(let_node(&world, 0), LULL_CONTENT_WAIT);
    world_clear(&world);
}
END_TEST

START_TEST(test_a_grant_found_at_the_start_is_void_until_another_is_given)
{
    World world;

    story_init(&world);
    let_leader(&world);
    node_restarts(&world, &world.nodes[0]);
    ck_assert_int_eq(let_node(&world, 0), LULL_CONTENT_WAIT);
    let_leader(&world);
    ck_assert_uint_eq(world.content.grant.attempt, 1);
    world.now += LULL_GRANT_VALID + LULL_GRANT_SLACK;
    let_leader(&world);
    ck_assert_uint_eq(world.content.grant.attempt, 2);
    ck_assert_int_eq(let_node(&world, 0), LULL_CONTENT_BEGIN_ATTEMPT);
    ck_assert_uint_eq(world.content.number, 2);
    world_clear(&world);
}
END_TEST

START_TEST(test_a_grant_that_came_with_the_content_is_as_good_as_any)
{
    World world;

    story_init(&world);
    make_granted(&world, FALSE);
    ck_assert_int_eq(let_node(&world, 1), LULL_CONTENT_WAIT);
    ck_assert_int_eq(let_node(&world, 0), LULL_CONTENT_BEGIN_ATTEMPT);
    let_leader(&world);
    ck_assert_uint_eq(world.content.grant.attempt, 1);
    ck_assert_int_eq(let_node(&world, 0), LULL_CONTENT_START_ATTEMPT);
    world_clear(&world);
}
END_TEST

/* Its leader was none any more when the content came into being: the next number is for whoever leads. */
START_TEST(test_a_grant_that_came_with_the_content_too_late_is_replaced)
{
    World world;

    story_init(&world);
    make_granted(&world, TRUE);
    leader_looks(&world, &world.leaders[1]);
    leader_acts(&world, &world.leaders[1]);
    ck_assert_uint_eq(world.content.grant.attempt, 2);
    ck_assert_int_eq(world.content.grant.term, world.leaders[1].term);
    world_clear(&world);
}
END_TEST

START_TEST(test_a_machine_that_moved_is_granted_to_its_new_node)
{
    World world;

    story_init(&world);
    let_leader(&world);
    node_looks(&world, &world.nodes[0]); /* it is about to claim */
    world.machine = 1;
    let_leader(&world);
    node_acts(&world, &world.nodes[0]);
    ck_assert_int_eq(world.content.stage, LULL_CONTENT_NEW);
    ck_assert_int_eq(let_node(&world, 0), LULL_CONTENT_WAIT);
    ck_assert_int_eq(let_node(&world, 1), LULL_CONTENT_BEGIN_ATTEMPT);
    ck_assert_uint_eq(world.content.number, 2);
    world_clear(&world);
}
END_TEST

START_TEST(test_what_was_granted_to_a_machine_that_moves_is_taken_back_and_its_number_with_it)
{
    World world;

    story_init(&world);
    let_leader(&world);
    world.moving = TRUE;
    let_leader(&world);
    ck_assert_uint_eq(world.content.grant.attempt, 0);
    world.moving = FALSE;
    world.machine = 1;
    let_leader(&world);
    ck_assert_int_eq(let_node(&world, 1), LULL_CONTENT_BEGIN_ATTEMPT);
    ck_assert_uint_eq(world.content.number, 2);
    world_clear(&world);
}
END_TEST

START_TEST(test_a_machine_that_moves_while_it_is_worked_on_waits_for_that_node)
{
    World world;

    story_init(&world);
    let_leader(&world);
    let_node(&world, 0);
    let_node(&world, 0);
    world.machine = 1;
    let_leader(&world);
    ck_assert_uint_eq(world.content.grant.attempt, 1);
    ck_assert_int_eq(let_node(&world, 1), LULL_CONTENT_WAIT);
    world_clear(&world);
}
END_TEST

START_TEST(test_a_lost_nodes_work_is_taken_over_once_it_cannot_be_at_it)
{
    World world;

    story_init(&world);
    let_leader(&world);
    let_node(&world, 0);
    let_node(&world, 0);
    let_leader(&world);
    world.machine = 1;
    world.now += LULL_GRANT_WORK + LULL_GRANT_SLACK;
    let_leader(&world);
    ck_assert_uint_eq(world.content.grant.attempt, 2);
    ck_assert_int_eq(let_node(&world, 1), LULL_CONTENT_START_DISCARD);
    /* the lost one is back, and says nothing of what it has */
    ck_assert_int_eq(let_node(&world, 0), LULL_CONTENT_ABANDON);
    ck_assert_int_eq(let_node(&world, 0), LULL_CONTENT_WAIT);
    for (int i = 0; i < 20 && world.content.number < 2; i++)
        let_node(&world, 1);
    ck_assert_uint_eq(world.content.number, 2);
    world_clear(&world);
}
END_TEST

START_TEST(test_who_stood_still_after_its_claim_begins_nothing_that_late)
{
    World world;

    story_init(&world);
    let_leader(&world);
    let_node(&world, 0);
    world.now += LULL_GRANT_WORK;
    ck_assert_int_eq(let_node(&world, 0), LULL_CONTENT_START_ATTEMPT);
    ck_assert_int_eq(world.frozen_by, -1);
    world_clear(&world);
}
END_TEST

START_TEST(test_a_revoked_grant_is_not_claimed)
{
    World world;

    story_init(&world);
    let_leader(&world);
    node_looks(&world, &world.nodes[0]);
    world.content.wanted = FALSE;
    let_leader(&world);
    node_acts(&world, &world.nodes[0]);
    ck_assert_int_eq(world.content.stage, LULL_CONTENT_NEW);
    ck_assert_uint_eq(world.content.grant.attempt, 0);
    ck_assert_int_eq(let_node(&world, 0), LULL_CONTENT_WAIT);
    world_clear(&world);
}
END_TEST

START_TEST(test_a_leader_that_follows_does_not_touch_what_is_claimed)
{
    World world;

    story_init(&world);
    let_leader(&world);
    let_node(&world, 0);
    leader_begins(&world, &world.leaders[0]);
    let_leader(&world);
    ck_assert_uint_eq(world.content.grant.attempt, 1);
    ck_assert_int_eq(let_node(&world, 0), LULL_CONTENT_START_ATTEMPT);
    world_clear(&world);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("grant-world");
    TCase *tcase = tcase_create("grant-world");

    tcase_add_loop_test(tcase, test_never_two_nodes_at_work_on_one_machine, 0, WORLD_SEEDS * 10);
    tcase_add_test(tcase, test_a_lost_leader_stops_new_attempts_only);
    tcase_add_test(tcase, test_a_grant_found_at_the_start_is_void_until_another_is_given);
    tcase_add_test(tcase, test_a_grant_that_came_with_the_content_is_as_good_as_any);
    tcase_add_test(tcase, test_a_grant_that_came_with_the_content_too_late_is_replaced);
    tcase_add_test(tcase, test_a_machine_that_moved_is_granted_to_its_new_node);
    tcase_add_test(tcase, test_what_was_granted_to_a_machine_that_moves_is_taken_back_and_its_number_with_it);
    tcase_add_test(tcase, test_a_machine_that_moves_while_it_is_worked_on_waits_for_that_node);
    tcase_add_test(tcase, test_a_lost_nodes_work_is_taken_over_once_it_cannot_be_at_it);
    tcase_add_test(tcase, test_who_stood_still_after_its_claim_begins_nothing_that_late);
    tcase_add_test(tcase, test_a_revoked_grant_is_not_claimed);
    tcase_add_test(tcase, test_a_leader_that_follows_does_not_touch_what_is_claimed);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
