#define BOOST_TEST_MODULE base
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <climits>
#include <csignal>
#include <set>
#include <thread>

#include "support.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/base/paths.hpp"
#include "vdsm_hook/base/payload_kind.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/base/unique_fd.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::test;
using namespace std::chrono_literals;
using std::string_literals::operator""s;

namespace {

const std::vector<std::string_view> kWords{"veto", "warn", "ignore", "device_property"};

// The bytes of a broken form and where it comes from.
const std::vector<std::pair<std::string, const char*>> kBadUtf8{
    {"\x80", "continuation alone"},
    {"\xC3", "cut after the lead"},
    {"\xE2\x82", "cut before the third byte"},
    {"\xF0\x9F\x98", "cut before the fourth byte"},
    {"\xC3\x28", "no continuation behind the lead"},
    {"\xC0\x80", "overlong NUL"},
    {"\xC1\xBF", "overlong DEL"},
    {"\xE0\x9F\xBF", "overlong in three bytes"},
    {"\xF0\x8F\xBF\xBF", "overlong in four bytes"},
    {"\xED\xA0\x80", "first surrogate"},
    {"\xED\xBF\xBF", "last surrogate"},
    {"\xF4\x90\x80\x80", "beyond U+10FFFF"},
    {"\xF5\x80\x80\x80", "a lead that nothing uses"},
    {"\xFF", "a byte that nothing uses"},
};

struct Pipe {
  Pipe() {
    int fds[2];
    BOOST_REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
    read.reset(fds[0]);
    write.reset(fds[1]);
  }
  UniqueFd read, write;
};

}  // namespace

BOOST_AUTO_TEST_CASE(nearest_finds_what_a_typist_meant) {
  const std::vector<std::pair<std::string_view, std::string_view>> rows{{"veto", "veto"},
                                                                        {"vetoo", "veto"},
                                                                        {"vteo", "veto"},
                                                                        {"eto", "veto"},
                                                                        {"wran", "warn"},
                                                                        {"ignroe", "ignore"},
                                                                        {"deviceproperty", "device_property"},
                                                                        {"vice_proprety", "device_property"},
                                                                        {"abort", ""},
                                                                        {"something_else_altogether", ""},
                                                                        {"x", ""}};
  for (const auto& [typed, meant] : rows) BOOST_TEST(nearest(typed, kWords) == meant, typed);
  BOOST_TEST(nearest("veto", {}).empty());
}

BOOST_AUTO_TEST_CASE(of_two_equally_near_candidates_the_first_is_taken) {
  BOOST_TEST(nearest("50_x", {"50_a", "50_b"}) == "50_a");
}

BOOST_AUTO_TEST_CASE(did_you_mean_says_the_nearest_or_nothing) {
  BOOST_TEST(did_you_mean("vetoo", kWords) == " (did you mean veto?)");
  BOOST_TEST(did_you_mean("abort", kWords).empty());
  BOOST_TEST(did_you_mean(std::string(1 << 20, 'v'), kWords).empty());
}

BOOST_AUTO_TEST_CASE(well_formed_utf8_is_taken) {
  for (const auto& text : {""s, "VM"s, "\xC2\x80"s, "\xC3\xA9"s, "\xE0\xA0\x80"s, "\xED\x9F\xBF"s, "\xEE\x80\x80"s,
                           "\xEF\xBF\xBF"s, "\xF0\x90\x80\x80"s, "\xF4\x8F\xBF\xBF"s, "\0"s})
    BOOST_TEST(is_utf8(text), printable(text));
}

BOOST_AUTO_TEST_CASE(broken_utf8_is_refused_at_every_place_and_shown_as_replacement) {
  for (const auto& [bytes, what] : kBadUtf8) {
    BOOST_TEST(!is_utf8(bytes), what);
    BOOST_TEST(!is_utf8("VM " + bytes), what);
    BOOST_TEST(!is_utf8(bytes + " VM"), what);
    const auto shown = printable("<" + bytes + ">");
    BOOST_TEST(is_utf8(shown), what);
    BOOST_TEST(shown.find("\xEF\xBF\xBD") != std::string::npos, what);
    BOOST_TEST((shown.front() == '<' && shown.back() == '>'), what);
  }
}

BOOST_AUTO_TEST_CASE(control_characters_never_reach_a_terminal) {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"plain \xC3\xA9 text\twith\ntabs", "plain \xC3\xA9 text\twith\ntabs"},
      {"\x1B[2J", "\\x1b[2J"},
      {"\r", "\\x0d"},
      {"\x7F", "\\x7f"},
      {"\0"s, "\\x00"},
      {"\x07", "\\x07"},
      {"\xC2\x9B"
       "2J",
       "\\x9b"
       "2J"},
      {"\xC2\x80", "\\x80"},
      {"\xC2\x9F", "\\x9f"},
      {"\xC2\xA0", "\xC2\xA0"}};
  for (const auto& [bytes, shown] : rows) BOOST_TEST(printable(bytes) == shown);
}

BOOST_AUTO_TEST_CASE(a_name_is_shown_on_one_line) {
  for (const auto& [bytes, shown] : {std::pair("a\nb\tc\r"s, "a\\nb\\tc\\x0d"s),
                                     {"\n\n", "\\n\\n"},
                                     {"a b", "a b"},
                                     {"", ""},
                                     {"\xFF", "\xEF\xBF\xBD"}})
    BOOST_TEST(on_one_line(bytes) == shown);
}

BOOST_AUTO_TEST_CASE(durations_are_read_with_their_unit) {
  const std::vector<std::pair<std::string_view, std::chrono::milliseconds>> rows{
      {"250ms", 250ms}, {"30s", 30s}, {"30", 30s},    {"5m", 5min},       {"5min", 5min},   {"2h", 2h},
      {"1ms", 1ms},     {"007s", 7s}, {"168h", 168h}, {"10080min", 168h}, {"604800", 168h}, {"604800000ms", 168h}};
  for (const auto& [text, wanted] : rows) {
    const auto read = parse_duration(text);
    BOOST_REQUIRE_MESSAGE(read.has_value(), text);
    BOOST_TEST((*read == wanted), text);
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_duration_is_refused) {
  for (const auto& text : {""s,
                           "0"s,
                           "0s"s,
                           "-1s"s,
                           "+1s"s,
                           "s"s,
                           "ms"s,
                           " 1s"s,
                           "1s "s,
                           "1 s"s,
                           "1.5h"s,
                           "1e3"s,
                           "0x10"s,
                           "1d"s,
                           "1S"s,
                           "1mins"s,
                           "1s1s"s,
                           "169h"s,
                           "604801"s,
                           "604800001ms"s,
                           "9223372036854775807"s,
                           "9223372036854775807ms"s,
                           "9223372036854775808"s,
                           "99999999999999999999999999s"s,
                           "1s\0"s,
                           "\xD9\xA1s"s})
    BOOST_TEST(!parse_duration(text).has_value(), printable(text));
  BOOST_TEST(!parse_duration({}).has_value());
}

BOOST_AUTO_TEST_CASE(a_duration_is_said_in_its_shortest_form_and_reads_back) {
  const std::vector<std::pair<std::chrono::milliseconds, std::string_view>> rows{
      {1ms, "1ms"}, {1500ms, "1500ms"}, {30s, "30s"}, {90s, "90s"}, {600s, "10min"}, {3600s, "1h"}, {5400s, "90min"}};
  for (const auto& [duration, text] : rows) {
    BOOST_TEST(to_text(duration) == text);
    BOOST_TEST((parse_duration(text) == duration), text);
  }
}

BOOST_AUTO_TEST_CASE(words_are_joined_by_what_stands_between_them) {
  BOOST_TEST(joined(std::vector<std::string>{}, ", ") == "");
  BOOST_TEST(joined(std::vector<std::string>{"a"}, ", ") == "a");
  BOOST_TEST(joined(std::vector<std::string_view>{"", "b", ""}, ", ") == ", b, ");
}

BOOST_AUTO_TEST_CASE(small_letters_are_asciis_alone) {
  BOOST_TEST(in_lower_case("AZaz[@09 \xC3\x84") == "azaz[@09 \xC3\x84");
}

BOOST_AUTO_TEST_CASE(a_uuid_is_8_4_4_4_12_hexadecimal_digits) {
  const std::string good = "0e4a0b1c-7D2f-4c3a-9b1E-0123456789ab";
  BOOST_TEST(is_uuid(good));
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto bad = good;
    bad[i] = bad[i] == '-' ? '0' : 'g';
    BOOST_TEST(!is_uuid(bad), bad);
  }
  for (const auto& text :
       {""s, good + "0", good.substr(1), "{" + good.substr(2) + "}", " " + good.substr(1), good.substr(0, 35) + '\0'})
    BOOST_TEST(!is_uuid(text), printable(text));
}

BOOST_AUTO_TEST_CASE(random_uuids_are_of_version_4_and_differ) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto uuid = random_uuid();
    BOOST_REQUIRE(is_uuid(uuid));
    BOOST_TEST(uuid[14] == '4');
    BOOST_TEST("89ab"s.find(uuid[19]) != std::string::npos);
    BOOST_TEST(std::none_of(uuid.begin(), uuid.end(), [](char c) { return c >= 'A' && c <= 'F'; }));
    seen.insert(uuid);
  }
  BOOST_TEST(seen.size() == 1000U);
}

BOOST_AUTO_TEST_CASE(an_event_name_is_one_plain_file_name) {
  for (const auto& name : {"a"s, "before_backup"s, "my-event.2"s, "_x"s, "-x"s, "9"s, std::string(kMaxEventName, 'e')})
    BOOST_TEST(is_event_name(name), name);
  for (const auto& name : {""s, "."s, ".."s, ".x"s, "../x"s, "/x"s, "a/b"s, "a b"s, "a\n"s, "a\0"s, "\xC3\xA9"s, "a*"s,
                           "a:b"s, std::string(kMaxEventName + 1, 'e'), std::string(300, 'e')})
    BOOST_TEST(!is_event_name(name), printable(name));
}

BOOST_AUTO_TEST_CASE(payload_kinds_and_their_words_belong_together) {
  for (const auto kind : {PayloadKind::none, PayloadKind::domain_xml, PayloadKind::device_xml, PayloadKind::json})
    BOOST_TEST((payload_kind(to_string(kind)) == kind));
  BOOST_TEST(!payload_kind("xml").has_value());
}

BOOST_AUTO_TEST_CASE(reading_to_the_end_gives_everything_up_to_the_bound) {
  const TempDir dir;
  for (const std::size_t size : {0U, 1U, 65535U, 65536U, 65537U, 1000000U}) {
    const auto path = dir.file("data", std::string(size, 'x'));
    BOOST_TEST(read_file(path, size).size() == size);
    BOOST_TEST(read_file(path, size + 1).size() == size);
    BOOST_TEST(read_file(path, SIZE_MAX).size() == size);
    if (size > 0)
      check_error([&] { return read_file(path, size - 1); }, Errc::wrong_use, {path, std::to_string(size - 1)});
  }
}

BOOST_AUTO_TEST_CASE(reading_a_pipe_stops_at_the_bound) {
  for (const std::size_t max_bytes : {0U, 1U, 99999U, 100000U, 100001U}) {
    Pipe pipe;
    std::thread writer([&] {
      try {
        write_all(pipe.write.get(), std::string(100000, 'x'), "pipe");
      } catch (const Error&) {  // nobody reads any more
      }
      pipe.write.reset();
    });
    const auto read = read_to_end(pipe.read.get(), max_bytes, "pipe");
    pipe.read.reset();
    writer.join();
    BOOST_TEST(read.has_value() == (max_bytes >= 100000));
    if (read) BOOST_TEST(read->size() == 100000U);
  }
}

BOOST_AUTO_TEST_CASE(a_file_of_the_kernel_that_says_it_has_no_size_is_read_whole) {
  BOOST_TEST(read_file("/proc/self/status", 1 << 20).find("VmRSS") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_read_is_named) {
  const TempDir dir;
  check_error([&] { return read_file(dir / "missing", 10); }, Errc::wrong_use, {dir / "missing", "No such file"});
  check_error([&] { return read_file(dir.path(), 10); }, Errc::engine_failure, {dir.path(), "directory"});
  check_error([] { return read_to_end(-1, 10, "the-name"); }, Errc::engine_failure, {"the-name"});
}

BOOST_AUTO_TEST_CASE(writing_to_a_full_device_or_a_closed_pipe_is_an_error_that_names_it) {
  check_error([] { replace_file("/dev/full", "data"); }, Errc::engine_failure, {"/dev/full", "No space left"});
  Pipe pipe;
  pipe.read.reset();
  check_error([&] { write_all(pipe.write.get(), "data", "the-pipe"); }, Errc::engine_failure,
              {"the-pipe", "Broken pipe"});
}

BOOST_AUTO_TEST_CASE(an_environment_string_of_the_limit_can_be_started_with_and_a_longer_one_not) {
  for (const std::size_t size : {kMaxEnvironmentString, kMaxEnvironmentString + 1}) {
    std::string entry = "X=" + std::string(size - 2, 'x');
    char program[] = "/bin/true";
    char* arguments[] = {program, nullptr};
    char* environment[] = {entry.data(), nullptr};
    pid_t pid = -1;
    const int error = ::posix_spawn(&pid, program, nullptr, nullptr, arguments, environment);
    BOOST_TEST(error == (size > kMaxEnvironmentString ? E2BIG : 0));
    if (error == 0) ::waitpid(pid, nullptr, 0);
  }
}

BOOST_AUTO_TEST_CASE(the_environment_moves_the_places_it_names) {
  ::setenv("VDSM_HOOK_HOOKS_DIR", "/a::/b:", 1);
  ::setenv("VDSM_HOOK_CONFIG_DIR", "/c", 1);
  ::setenv("VDSM_HOOK_RUNTIME_DIR", "", 1);
  ::setenv("VDSM_HOOK_SDK_DIR", "/s", 1);
  Paths paths = Paths::installed();
  const auto runtime_dir = paths.runtime_dir;
  paths.apply_environment();
  BOOST_TEST(paths.hooks_dirs == (std::vector<std::string>{"/a", "/b"}), boost::test_tools::per_element());
  BOOST_TEST(paths.config_dir == "/c");
  BOOST_TEST(paths.runtime_dir == runtime_dir);
  BOOST_TEST(paths.sdk_python_dir == "/s/python");
  BOOST_TEST(paths.sdk_shell_dir == "/s/shell");
  ::setenv("VDSM_HOOK_HOOKS_DIR", ":", 1);  // names no directory: the hooks do not vanish
  paths.apply_environment();
  BOOST_TEST(paths.hooks_dirs.size() == 2U);
  for (const char* name : {"VDSM_HOOK_HOOKS_DIR", "VDSM_HOOK_CONFIG_DIR", "VDSM_HOOK_RUNTIME_DIR", "VDSM_HOOK_SDK_DIR"})
    ::unsetenv(name);
}

// SIGPIPE must not end the process that writes; the command sees to that, and so does this one.
struct IgnorePipeSignal {
  IgnorePipeSignal() { ::signal(SIGPIPE, SIG_IGN); }
};
BOOST_TEST_GLOBAL_FIXTURE(IgnorePipeSignal);
