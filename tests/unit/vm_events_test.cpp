// What libvirt's events mean: rows of what was known, what came, and what follows.
#define BOOST_TEST_MODULE vm_events
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <ostream>
#include <vector>

#include "vdsm_hook/hookpoints/lifecycles.hpp"
#include "vdsm_hook/libvirt/vm_events.hpp"

namespace data = boost::unit_test::data;
using namespace vdsm_hook;

namespace {

using enum Standing;

// One event on QEMU's driver.
struct Row {
  Standing last;
  int event, detail;
  const char* phase;
  Standing next;
};
std::string_view name_of(const Phase* phase) { return phase == nullptr ? "" : phase->name; }
std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << "standing " << static_cast<int>(row.last) << ", event " << row.event << "/" << row.detail;
}

constexpr int kStarted = VIR_DOMAIN_EVENT_STARTED, kSuspended = VIR_DOMAIN_EVENT_SUSPENDED,
              kResumed = VIR_DOMAIN_EVENT_RESUMED, kStopped = VIR_DOMAIN_EVENT_STOPPED;

const std::vector<Row> kRows = {
    {running, kSuspended, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED, "pause", paused},
    {running, kSuspended, VIR_DOMAIN_EVENT_SUSPENDED_IOERROR, "pause", paused},
    {running, kSuspended, VIR_DOMAIN_EVENT_SUSPENDED_WATCHDOG, "pause", paused},
    {running, kSuspended, VIR_DOMAIN_EVENT_SUSPENDED_API_ERROR, "pause", paused},
    {paused, kSuspended, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED, "", paused},
    {off, kSuspended, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED, "", paused},
    {running, kSuspended, VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED, "", leaving},
    {running, kSuspended, VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY, "", leaving},
    {arriving, kSuspended, VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY_FAILED, "", arriving},
    {running, kSuspended, VIR_DOMAIN_EVENT_SUSPENDED_RESTORED, "", paused},
    {starting, kSuspended, VIR_DOMAIN_EVENT_SUSPENDED_RESTORED, "", paused},
    {running, kSuspended, VIR_DOMAIN_EVENT_SUSPENDED_FROM_SNAPSHOT, "", paused},
    {running, kSuspended, 1000, "", paused},

    {paused, kResumed, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED, "continue", running},
    {running, kResumed, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED, "", running},
    {off, kResumed, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED, "", running},
    {starting, kResumed, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED, "", running},
    {leaving, kResumed, VIR_DOMAIN_EVENT_RESUMED_UNPAUSED, "", running},
    {leaving, kResumed, VIR_DOMAIN_EVENT_RESUMED_MIGRATED, "", running},
    {arriving, kResumed, VIR_DOMAIN_EVENT_RESUMED_MIGRATED, "arrive", running},
    {starting, kResumed, VIR_DOMAIN_EVENT_RESUMED_MIGRATED, "arrive", running},
    {running, kResumed, VIR_DOMAIN_EVENT_RESUMED_MIGRATED, "", running},
    {arriving, kResumed, VIR_DOMAIN_EVENT_RESUMED_POSTCOPY, "", arriving},
    {starting, kResumed, VIR_DOMAIN_EVENT_RESUMED_FROM_SNAPSHOT, "", running},
    {paused, kResumed, VIR_DOMAIN_EVENT_RESUMED_FROM_SNAPSHOT, "", running},
    {paused, kResumed, 1000, "", paused},
    {off, kResumed, 1000, "", running},

    {arriving, kSuspended, VIR_DOMAIN_EVENT_SUSPENDED_PAUSED, "arrive", paused},

    {off, kStarted, VIR_DOMAIN_EVENT_STARTED_BOOTED, "", starting},
    {running, kStarted, VIR_DOMAIN_EVENT_STARTED_BOOTED, "", running},
    {off, kStarted, VIR_DOMAIN_EVENT_STARTED_RESTORED, "", starting},
    {off, kStarted, VIR_DOMAIN_EVENT_STARTED_MIGRATED, "", arriving},

    {paused, kStopped, VIR_DOMAIN_EVENT_STOPPED_SAVED, "hibernate", off},
    {running, kStopped, VIR_DOMAIN_EVENT_STOPPED_SAVED, "hibernate", off},
    {off, kStopped, VIR_DOMAIN_EVENT_STOPPED_SAVED, "", off},
    {leaving, kStopped, VIR_DOMAIN_EVENT_STOPPED_MIGRATED, "leave", off},
    {paused, kStopped, VIR_DOMAIN_EVENT_STOPPED_MIGRATED, "leave", off},
    {arriving, kStopped, VIR_DOMAIN_EVENT_STOPPED_MIGRATED, "", off},
    {arriving, kStopped, VIR_DOMAIN_EVENT_STOPPED_FAILED, "", off},
    {running, kStopped, VIR_DOMAIN_EVENT_STOPPED_DESTROYED, "", off},
    {running, kStopped, VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN, "", off},
    {running, kStopped, VIR_DOMAIN_EVENT_STOPPED_CRASHED, "", off},
    {running, kStopped, VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT, "", off},

    {running, VIR_DOMAIN_EVENT_CRASHED, 0, "", off},
    {running, VIR_DOMAIN_EVENT_SHUTDOWN, 0, "", running},
    {paused, VIR_DOMAIN_EVENT_DEFINED, 0, "", paused},
    {running, VIR_DOMAIN_EVENT_PMSUSPENDED, 0, "", running},
    {running, 1000, 0, "", running},
};

struct Events {
  const char* name;
  std::vector<std::pair<int, int>> events;
  std::vector<std::string> phases;
};
std::ostream& operator<<(std::ostream& out, const Events& events) { return out << events.name; }

// What a real libvirtd with QEMU was seen to say.
const std::vector<Events> kSeen = {
    {"start", {{kResumed, 0}, {kStarted, 0}}, {}},
    {"start, suspend, resume", {{kResumed, 0}, {kStarted, 0}, {kSuspended, 0}, {kResumed, 0}}, {"pause", "continue"}},
    {"start --paused, resume", {{kStarted, 0}, {kSuspended, 0}, {kResumed, 0}}, {"continue"}},
    {"start, save", {{kResumed, 0}, {kStarted, 0}, {kSuspended, 0}, {kStopped, 4}}, {"pause", "hibernate"}},
    {"restore of one that ran", {{kStarted, 2}, {kResumed, 2}}, {}},
    {"restore of one that was paused, resume", {{kStarted, 2}, {kSuspended, 4}, {kResumed, 0}}, {"continue"}},
    {"migration here", {{kStarted, 1}, {kResumed, 1}}, {"arrive"}},
    {"migration here, and away", {{kStarted, 1}, {kResumed, 1}, {kSuspended, 1}, {kStopped, 3}}, {"arrive", "leave"}},
    {"migration of a paused one here, and away", {{kStarted, 1}, {kSuspended, 0}, {kStopped, 3}}, {"arrive", "leave"}},
    {"start, migration that fails", {{kResumed, 0}, {kStarted, 0}, {kSuspended, 1}, {kResumed, 1}}, {}},
    {"start, destroy", {{kResumed, 0}, {kStarted, 0}, {VIR_DOMAIN_EVENT_SHUTDOWN, 2}, {kStopped, 1}}, {}},
};

struct Gap {
  Standing last, now;
  const char* phase;
};
std::ostream& operator<<(std::ostream& out, const Gap& gap) {
  return out << static_cast<int>(gap.last) << " to " << static_cast<int>(gap.now);
}

const std::vector<Gap> kGaps = {
    {running, paused, "pause"},
    {paused, running, "continue"},
    {running, running, ""},
    {paused, paused, ""},
    {off, running, ""},
    {off, paused, ""},
    {starting, running, ""},
    {starting, paused, ""},
    {leaving, running, ""},
    {leaving, paused, ""},
    {running, leaving, ""},
    {arriving, arriving, ""},
    {arriving, running, "arrive"},
    {arriving, paused, "arrive"},
    {running, off, ""},
    {starting, starting, ""},
};

}  // namespace

namespace vdsm_hook {
std::ostream& operator<<(std::ostream& out, Standing standing) { return out << static_cast<int>(standing); }
}  // namespace vdsm_hook

BOOST_DATA_TEST_CASE(an_event_means_what_the_row_says, data::make(kRows), row) {
  const auto meaning = meaning_of(row.last, row.event, row.detail, true);
  BOOST_TEST(name_of(meaning.phase) == row.phase);
  BOOST_TEST(meaning.standing == row.next);
}

BOOST_DATA_TEST_CASE(what_qemu_was_seen_to_say_fires_each_phase_once, data::make(kSeen), seen) {
  auto standing = off;
  std::vector<std::string> phases;
  for (const auto& [event, detail] : seen.events) {
    const auto meaning = meaning_of(standing, event, detail, true);
    standing = meaning.standing;
    if (meaning.phase != nullptr) phases.emplace_back(meaning.phase->name);
  }
  BOOST_TEST(phases == seen.phases, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(where_no_driver_tells_of_the_guest_a_start_is_a_vm_that_runs) {
  BOOST_TEST(meaning_of(off, kStarted, VIR_DOMAIN_EVENT_STARTED_BOOTED, false).standing == running);
}

BOOST_DATA_TEST_CASE(a_gap_means_what_the_states_around_it_say, data::make(kGaps), gap) {
  BOOST_TEST(name_of(meaning_of_gap(gap.last, gap.now).phase) == gap.phase);
  BOOST_TEST(meaning_of_gap(gap.last, gap.now).standing == gap.now);
}

BOOST_AUTO_TEST_CASE(every_phase_that_is_meant_is_in_the_table_and_fires_something) {
  for (const auto& row : kRows)
    if (*row.phase != '\0')
      BOOST_TEST((find_phase(row.phase) != nullptr && !find_phase(row.phase)->after.empty()), row.phase);
}

BOOST_AUTO_TEST_CASE(states_of_libvirt_are_standings) {
  BOOST_TEST(standing_of(VIR_DOMAIN_RUNNING, 0, off) == running);
  BOOST_TEST(standing_of(VIR_DOMAIN_BLOCKED, 0, off) == running);
  BOOST_TEST(standing_of(VIR_DOMAIN_SHUTDOWN, 0, paused) == running);
  BOOST_TEST(standing_of(VIR_DOMAIN_SHUTOFF, 0, running) == off);
  BOOST_TEST(standing_of(VIR_DOMAIN_CRASHED, 0, running) == off);
  BOOST_TEST(standing_of(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER, running) == paused);
  BOOST_TEST(standing_of(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR, off) == paused);
  BOOST_TEST(standing_of(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION, running) == leaving);
  BOOST_TEST(standing_of(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY, leaving) == leaving);
  BOOST_TEST(standing_of(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION, arriving) == arriving);
  BOOST_TEST(standing_of(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION, off) == arriving);
  BOOST_TEST(standing_of(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP, off) == starting);
  BOOST_TEST(standing_of(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP, arriving) == arriving);
}
