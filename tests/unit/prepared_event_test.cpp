// An event that is planned once and runs as it was planned, started and recorded as the embedder wants it.
#define BOOST_TEST_MODULE prepared_event
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <stdexcept>

#include "host.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/engine/json.hpp"

namespace data = boost::unit_test::data;
using namespace vdsm_hook;
using namespace vdsm_hook::test;

namespace {

// Starts nothing: each hook has ended well at once.
class Pretender final : public Runner {
 public:
  explicit Pretender(std::vector<std::string>& programs) : programs_(programs) {}
  ProcessOutcome run(const ProcessSpec& spec, std::stop_token) override {
    programs_.push_back(spec.program);
    ProcessOutcome outcome;
    outcome.kind = ProcessOutcome::Kind::exited;
    return outcome;
  }

 private:
  std::vector<std::string>& programs_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(the_plan_is_what_runs) {
  const Host host;
  const auto planned = host.hook(vetoing_point().name, "50_exit-0");
  const Engine engine(host.settings());
  auto event = engine.prepare(host.request(vetoing_point()));
  BOOST_TEST(event.plan().runs_something());
  BOOST_TEST(event.request().event == vetoing_point().name);
  host.hook(vetoing_point().name, "60_exit-1");  // for the next event
  const auto report = event.run();
  BOOST_TEST(!report.vetoed);
  BOOST_TEST_REQUIRE(report.hooks.size() == 1U);
  BOOST_TEST(report.hooks[0].path == planned);
  BOOST_TEST(engine.run(host.request(vetoing_point())).vetoed);
}

BOOST_AUTO_TEST_CASE(hooks_are_started_by_the_runner_of_the_options) {
  const Host host;
  const auto hook = host.hook(vetoing_point().name, "50_exit-1");
  std::vector<std::string> programs;
  int kept = 0;
  const Engine engine(host.settings(), {.runner = [&](int descriptor) {
                        return kept = descriptor, std::make_unique<Pretender>(programs);
                      }});
  auto request = host.request(vetoing_point());
  request.kept_descriptor = 2;
  BOOST_TEST(!engine.run(request).vetoed);
  BOOST_TEST(programs == std::vector<std::string>{hook}, boost::test_tools::per_element());
  BOOST_TEST(kept == 2);
}

BOOST_DATA_TEST_CASE(every_event_that_ends_is_recorded, data::make({"50_exit-0", "50_exit-1", "none", "cancelled"})) {
  const std::string hook = sample;
  const Host host;
  if (hook.starts_with("50")) host.hook(vetoing_point().name, hook);
  if (hook == "cancelled") host.hook(vetoing_point().name, "50_exit-0");
  std::vector<Report> recorded;
  std::string event;
  const Engine engine(host.settings(), {.recorder = [&](const Request& request, const Report& report) {
                        event = request.event, recorded.push_back(report);
                      }});
  std::stop_source stop;
  if (hook == "cancelled") stop.request_stop();
  const auto before = std::chrono::system_clock::now();
  const auto report = engine.run(host.request(vetoing_point()), stop.get_token());
  BOOST_TEST(event == vetoing_point().name);
  BOOST_TEST_REQUIRE(recorded.size() == 1U);
  BOOST_TEST(recorded[0].run_id == report.run_id);
  BOOST_TEST(recorded[0].vetoed == (hook == "50_exit-1" || hook == "cancelled"));
  BOOST_TEST(recorded[0].is_cancelled == (hook == "cancelled"));
  BOOST_TEST((recorded[0].started_at >= before && recorded[0].started_at <= std::chrono::system_clock::now()));
  BOOST_TEST((recorded[0].duration.count() > 0));
  BOOST_TEST(recorded[0].vm_name == (hook == "none" ? "" : "web-1"));
}

BOOST_AUTO_TEST_CASE(a_recorder_that_fails_loses_no_event) {
  const Host host;
  host.hook(vetoing_point().name, "50_exit-0");
  const Engine engine(host.settings(), {.recorder = [](const Request&, const Report&) {
                        throw std::runtime_error("the disk is full");
                      }});
  const auto report = engine.run(host.request(vetoing_point()));
  BOOST_TEST(!report.vetoed);
  BOOST_TEST(report.hooks.at(0).ran);
  BOOST_TEST_REQUIRE(report.problems.size() == 1U);
  BOOST_TEST(!report.problems[0].vetoes);
  BOOST_TEST(mentions(report.problems[0].why, "the disk is full"));
}

BOOST_AUTO_TEST_CASE(hooks_know_the_run_id_of_the_report) {
  const Host host;
  host.file(vetoing_point().name, "50_say", "#!/bin/sh\necho $VDSM_HOOK_RUN_ID\n");
  const auto report = host.run(vetoing_point());
  BOOST_TEST(is_uuid(report.run_id));
  BOOST_TEST(report.hooks.at(0).process.out.text == report.run_id + "\n");
  BOOST_TEST(to_json(report).at("run_id").as_string() == report.run_id);
  BOOST_TEST(host.run(vetoing_point()).run_id != report.run_id);
}
