#define BOOST_TEST_MODULE property_store
#include <poll.h>
#include <sys/resource.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <functional>
#include <random>

#include "support.hpp"
#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/properties/metadata.hpp"
#include "vdsm_hook/properties/store.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::test;
using std::string_literals::operator""s;
using boost::test_tools::per_element;
using Texts = std::vector<std::string>;

namespace {

constexpr auto kVm = DefinitionKey::vm;
constexpr auto kDevice = DefinitionKey::device;
constexpr auto kNetwork = DefinitionKey::network;

PropertyStore parse(std::string_view text) { return PropertyStore::parse(text, "FILE"); }

struct stat stat_of(const std::string& path) {
  struct stat st {};
  BOOST_REQUIRE(::lstat(path.c_str(), &st) == 0);
  return st;
}

void set(PropertyStore& store, const std::string& text) { store.set_text(kVm, "4.8", text); }

// A child process that runs ACTION and ends with 0 unless something is thrown.
pid_t start(const std::function<void()>& action) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      action();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "child: %s\n", error.what());
      ::_exit(1);
    }
    ::_exit(0);
  }
  BOOST_REQUIRE(child > 0);
  return child;
}

int status_of(pid_t child) {
  int status = -1;
  BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_text_of_definitions_comes_back_as_it_was_set) {
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "name" + std::to_string(i) + "=^[a-z]{" + std::to_string(i % 100) + "}$;";
  for (const auto& text : {""s,
                           "a=1"s,
                           "a=1;"s,
                           "a=;b="s,
                           "a='"s,
                           "a='x'"s,
                           "a='''"s,
                           "a='';b=''"s,
                           "a='''';b='"s,
                           "a=\""s,
                           "a=\"\"\""s,
                           "a=\\\\"s,
                           "a=\\n\\t\\x01"s,
                           "a=\\'\\\""s,
                           "a=#;b=[x]"s,
                           "a= ; b"s.substr(0, 3),
                           "a=\xC3\xA9\xF0\x9F\x98\x80"s,
                           "a=\\\\;b='"s,
                           "a=;b=''''"s,
                           "a=^(true|false)$;b=^.*$"s,
                           "a=" + std::string(65534, 'x'),
                           many,
                           many.substr(0, many.size() - 1)}) {
    for (const auto key : {kVm, kNetwork}) {
      PropertyStore store;
      store.set_text(key, "4.8", text);
      const auto again = parse(store.to_text());
      BOOST_TEST((*again.text(key, "4.8") == text), text.substr(0, 80));
      BOOST_TEST((again.to_text() == store.to_text()), text.substr(0, 80));
    }
  }
  for (const auto& text :
       {""s, "{type=disk;prop={}}"s, "{type=disk;prop={a='''}};{type=interface;prop={b=\\};c=x{2}}}"s,
        "{type=disk;prop={a=\"}};"s}) {
    PropertyStore store;
    store.set_text(kDevice, "4.8", text);
    BOOST_TEST(*parse(store.to_text()).text(kDevice, "4.8") == text);
  }
}

BOOST_AUTO_TEST_CASE(a_fresh_store_has_the_first_level_with_what_ovirt_has) {
  const PropertyStore store;
  for (const auto& facts : definition_keys()) {
    BOOST_TEST(store.levels(facts.key) == Texts{"4.8"}, per_element());
    BOOST_TEST(*store.text(facts.key, "4.8") == facts.default_text);
    BOOST_TEST((store.text(facts.key, "4.7") == nullptr));
  }
  BOOST_TEST(store.text(kDevice, "4.8")->find("SecurityGroups") != std::string::npos);
  BOOST_TEST(parse(store.to_text()).to_text() == store.to_text());
  BOOST_TEST(parse("").to_text() == store.to_text());
}

BOOST_AUTO_TEST_CASE(levels_are_those_that_were_set_and_the_newest_definition_counts) {
  PropertyStore store;
  for (const auto* level : {"4.7", "4.2", "4.5"})
    store.set_text(kVm, level, "a="s + level + ";only_" + level[2] + "=x");
  store.set_text(kVm, "4.5", "a=again");
  const auto again = parse(store.to_text());
  BOOST_TEST(again.levels(kVm) == (Texts{"4.2", "4.5", "4.7", "4.8"}), per_element());
  BOOST_TEST(again.levels(kNetwork) == Texts{"4.8"}, per_element());
  BOOST_TEST(again.vm().find("a")->pattern.text() == "4.7");
  BOOST_TEST(again.vm().find("a")->declared_by == "UserDefinedVMProperties (level 4.7)");
  BOOST_TEST((again.vm().find("only_2") != nullptr && again.vm().find("only_5") == nullptr));
  BOOST_TEST(again.network().all().empty());
  for (const auto& level : {"4.1", "4.9", "4", "", "general", "4.8 "})
    check_error([&] { store.set_text(kVm, level, ""); }, Errc::wrong_use, {level, "compatibility level"});
  check_error([&] { store.set_text(kVm, "4.8", "a"); }, Errc::wrong_use, {"UserDefinedVMProperties", "no ="});
  BOOST_TEST(store.to_text() == again.to_text());
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_told_with_file_and_line) {
  struct Row {
    std::string text;
    Texts words;
  };
  const std::string vm = "[UserDefinedVMProperties]\n";
  const Row rows[] = {
      {"\n[x]\n", {"FILE:2:", "x"}},
      {"a = 1\n", {"FILE:1:", "a"}},
      {"[UserDefinedVMProperties\n", {"FILE:1:", "not TOML"}},
      {"UserDefinedVMProperties = 'a=1'\n", {"FILE:1:", "table"}},
      {vm + "'4.9' = ''\n", {"FILE:2:", "4.9", "level"}},
      {vm + "\n\n\"4.8\" = 'a'\n", {"FILE:4:", "UserDefinedVMProperties", "no ="}},
      {vm + "'4.8' = 'PATH=x'\n", {"FILE:2:", "PATH", "reserved"}},
      {vm + "'4.8' = 'a=('\n", {"FILE:2:", "property a", "pattern"}},
      {vm + "'4.8' = 'a=1;a=2'\n", {"FILE:2:", "twice"}},
      {vm + "'4.8' = 7\n", {"FILE:2:", "string"}},
      {vm + "'4.8' = ''\n'4.8' = ''\n", {"FILE:3:"}},
      {vm + "4.8 = ''\n", {"FILE:2:", "level"}},
      {vm + vm, {"FILE:2:"}},
      {"[CustomDeviceProperties]\n'4.8' = '{type=x;prop={}}'\n", {"FILE:2:", "'x'"}},
      {"[profiles.a.properties]\nx = '1'\nPATH = '2'\n", {"FILE:3:", "PATH"}},
      {"[profiles.a.properties]\n'x-y' = '2'\n", {"FILE:2:", "x-y"}},
      {"[profiles.a.properties]\nx = \"a\\nb\"\n", {"FILE:2:", "control"}},
      {"[profiles.a.properties]\nx = true\n", {"FILE:2:", "string"}},
      {"[profiles.a]\nfile = []\n", {"FILE:2:", "files"}},
      {"[profiles.a]\nfiles = 'x'\n", {"FILE:2:", "list"}},
      {"[profiles.\" a\"]\n", {"FILE:1:", "blanks"}},
      {"[profiles.'']\n", {"FILE:1:", "empty"}},
      {"[profiles]\na = 1\n", {"FILE:2:", "table"}},
      {"# \xFF\n", {"FILE:1:", "not TOML"}},
      {vm + "'4.8' = 'a=\xC3'\n", {"FILE:2:", "not TOML"}},
      {"\xFF\xFE[\0"s, {"FILE:"}},
      {"[[profiles]]\n", {"FILE:1:", "table"}},
  };
  for (const auto& row : rows) check_error([&] { parse(row.text); }, Errc::bad_configuration, row.words);
}

BOOST_AUTO_TEST_CASE(profiles_of_every_name_come_back) {
  PropertyStore store;
  for (const auto& name :
       {"red"s, "the red one"s, "a.b"s, "'"s, "\""s, "'''"s, "\\"s, "a]"s, "#"s, "\xC3\xA9\xF0\x9F\x98\x80"s,
        "properties"s, "files"s, "1"s, "-"s, "a=b"s, "a;b"s, std::string(255, 'x')})
    store.profiles[name] = {{{"b", "2"}, {"a", ""}, {"c", "'\"\\;#"}, {"_9", " x "}},
                            {"/x/" + name, "", "a\nb\x7F", "'''"}};
  store.profiles["empty"] = {};
  const auto again = parse(store.to_text());
  BOOST_TEST(again.profiles.size() == store.profiles.size());
  for (const auto& [name, profile] : store.profiles) {
    const auto found = again.profiles.find(name);
    BOOST_REQUIRE_MESSAGE(found != again.profiles.end(), name);
    BOOST_TEST((found->second.properties == profile.properties), name);
    BOOST_TEST(found->second.files == profile.files, per_element());
  }
}

BOOST_AUTO_TEST_CASE(profiles_that_could_not_be_read_again_are_not_written) {
  const std::vector<std::pair<std::string, VnicProfile>> rows{
      {"", {}},
      {" a", {}},
      {"a\nb", {}},
      {"\xFF", {}},
      {std::string(256, 'x'), {}},
      {"a", {{{"PATH", "1"}}, {}}},
      {"a", {{{"x-y", "1"}}, {}}},
      {"a", {{{"x", "a\nb"}}, {}}},
      {"a", {{{"x", "\xFF"}}, {}}},
      {"a", {{{"x", "1"}, {"x", "2"}}, {}}},
      {"a", {{}, {"/x/\xFF"}}},
  };
  for (const auto& [name, profile] : rows) {
    PropertyStore store;
    store.profiles[name] = profile;
    check_error([&] { static_cast<void>(store.to_text()); }, Errc::wrong_use, {"vNIC profile"});
  }
}

BOOST_AUTO_TEST_CASE(a_vnics_own_values_are_behind_those_of_its_profile_that_it_does_not_replace) {
  const PropertyValues profile{{"a", "1"}, {"b", "2"}}, own{{"c", "3"}, {"a", "4"}};
  const auto effective_properties = [](const PropertyValues& of_profile, const PropertyValues& of_nic) {
    DeviceMetadata metadata;
    metadata.properties = of_nic;
    auto values = metadata.left_of(of_profile);
    values.insert(values.end(), of_nic.begin(), of_nic.end());
    return values;
  };
  BOOST_TEST((effective_properties(profile, own) == PropertyValues{{"b", "2"}, {"c", "3"}, {"a", "4"}}));
  BOOST_TEST((effective_properties({}, own) == own));
  BOOST_TEST((effective_properties(profile, {}) == profile));
}

BOOST_AUTO_TEST_CASE(definitions_are_merged_by_name_in_their_places) {
  BOOST_TEST(merged_definitions("a=1;b=2", "b=3;c=4") == "a=1;b=3;c=4");
  BOOST_TEST(merged_definitions("", "") == "");
  BOOST_TEST(merged_definitions("a=1;", "") == "a=1");
  BOOST_TEST(merged_definitions("", "a==;") == "a==");
  check_error([] { merged_definitions("a=1", "b"); }, Errc::wrong_use, {"no ="});
  check_error([] { merged_definitions("a", "b=1"); }, Errc::wrong_use, {"no ="});
}

BOOST_AUTO_TEST_CASE(a_store_is_not_larger_than_its_file_may_be) {
  PropertyStore store;
  for (const auto level : compatibility_levels())
    for (const auto key : {kVm, kNetwork}) store.set_text(key, level, "a=" + std::string(65534, 'x'));
  BOOST_TEST(store.to_text().size() < kMaxSettingsBytes);
  const std::string value(130000, 'x');
  store.profiles["big"].properties = {{"a", value}, {"b", value}};
  check_error([&] { static_cast<void>(store.to_text()); }, Errc::wrong_use, {std::to_string(kMaxSettingsBytes)});
  const TempDir dir;
  const auto file = dir.file("big.toml", std::string(kMaxSettingsBytes + 1, '#'));
  check_error([&] { PropertyStore::read(file); }, Errc::bad_configuration, {file, "larger"});
}

BOOST_AUTO_TEST_CASE(a_file_that_ends_anywhere_is_read_or_refused) {
  PropertyStore store;
  store.set_text(kVm, "4.7", "a=^(x|y)$;b='");
  store.set_text(kDevice, "4.8", "{type=disk;prop={a=1;b=\xC3\xA9}}");
  store.profiles["the 'red' one"] = {{{"speed", "10"}, {"x", "\""}}, {"/a b", "\n"}};
  const auto whole = store.to_text();
  std::size_t read = 0, refused = 0;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    try {
      const auto cut = parse(whole.substr(0, size));
      BOOST_TEST(parse(cut.to_text()).to_text() == cut.to_text());
      ++read;
    } catch (const Error& error) {
      BOOST_TEST(error.code() == make_error_code(Errc::bad_configuration));
      BOOST_TEST(std::string(error.what()).starts_with("FILE:"));
      ++refused;
    }
  }
  BOOST_TEST(read > 0U);
  BOOST_TEST(refused > 0U);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_not_there_is_a_fresh_store_and_anything_else_is_refused) {
  const TempDir dir;
  BOOST_TEST(PropertyStore::read(dir / "none").to_text() == PropertyStore().to_text());
  BOOST_TEST(PropertyStore::read(dir / "no/where").to_text() == PropertyStore().to_text());
  check_error([&] { PropertyStore::read(dir.path()); }, Errc::bad_configuration, {dir.path()});
  check_error([&] { PropertyStore::read(dir.fifo("pipe")); }, Errc::bad_configuration, {"pipe"});
  const auto file = dir.file("wrong", "\n[x]\n");
  check_error([&] { PropertyStore::read(file); }, Errc::bad_configuration, {file + ":2:"});
}

BOOST_AUTO_TEST_CASE(a_change_makes_the_directory_and_a_file_for_everybody) {
  const TempDir dir;
  const auto file = dir / "config/properties.toml";
  update_store(file, [](PropertyStore&) {});
  BOOST_TEST(!boost::filesystem::exists(file));
  update_store(file, [](PropertyStore& store) { set(store, "a=1"); });
  BOOST_TEST((stat_of(file).st_mode & 07777) == 0644U);
  BOOST_TEST((stat_of(dir / "config").st_mode & 07777) == 0755U);
  BOOST_TEST((stat_of(file + ".lock").st_mode & 07777) == 0600U);
  BOOST_TEST(*PropertyStore::read(file).text(kVm, "4.8") == "a=1");
  BOOST_TEST(count_entries(dir / "config") == 2U);
}

BOOST_AUTO_TEST_CASE(directories_above_the_stores_are_made_for_the_owner_alone) {
  const TempDir dir;
  for (const auto& file : {dir / "home/.config/vdsm-hook/properties.toml", dir / "a//b///c//properties.toml"}) {
    update_store(file, [](PropertyStore& store) { set(store, "a=1"); });
    BOOST_TEST(*PropertyStore::read(file).text(kVm, "4.8") == "a=1");
  }
  for (const auto& name : {"home", "home/.config", "a", "a/b"})
    BOOST_TEST((stat_of(dir / name).st_mode & 07777) == 0700U, name);
  for (const auto& name : {"home/.config/vdsm-hook", "a/b/c"})
    BOOST_TEST((stat_of(dir / name).st_mode & 07777) == 0755U, name);
  const auto below_a_file = dir.file("file", "") + "/b/c/properties.toml";
  check_error([&] { update_store(below_a_file, [](PropertyStore&) {}); }, Errc::engine_failure,
              {"cannot make the directory", "Not a directory"});
}

BOOST_AUTO_TEST_CASE(a_link_that_is_put_there_while_the_store_changes_is_not_followed) {
  const TempDir dir;
  const auto victim = dir.file("victim", "precious");
  const auto file = dir / "store/properties.toml";
  update_store(file, [](PropertyStore& store) { set(store, "a=1"); });
  const auto swap = [&](PropertyStore& store) {
    set(store, "a=2");
    boost::filesystem::remove(file);
    boost::filesystem::create_symlink(victim, file);
  };
  check_error([&] { update_store(file, swap); }, Errc::engine_failure, {file, "was replaced by somebody else"});
  BOOST_TEST(content_of(victim) == "precious");
}

BOOST_AUTO_TEST_CASE(a_file_in_the_working_directory_needs_no_directory) {
  const TempDir dir;
  const auto before = boost::filesystem::current_path();
  boost::filesystem::current_path(dir.path());
  update_store("properties.toml", [](PropertyStore& store) { set(store, "a=1"); });
  boost::filesystem::current_path(before);
  BOOST_TEST(*PropertyStore::read(dir / "properties.toml").text(kVm, "4.8") == "a=1");
}

BOOST_AUTO_TEST_CASE(a_change_that_makes_no_difference_leaves_the_file_alone) {
  const TempDir dir;
  const auto file = dir.file("properties.toml", "# mine\n[UserDefinedVMProperties]\n\"4.8\" = \"a=1\"\n", 0640);
  const auto inode = stat_of(file).st_ino;
  update_store(file, [](PropertyStore& store) { set(store, "a=1"); });
  BOOST_TEST(stat_of(file).st_ino == inode);
  BOOST_TEST(content_of(file).starts_with("# mine"));
  update_store(file, [](PropertyStore& store) { set(store, "a=2"); });
  BOOST_TEST((stat_of(file).st_mode & 07777) == 0640U);
  BOOST_TEST(*PropertyStore::read(file).text(kVm, "4.8") == "a=2");
}

BOOST_AUTO_TEST_CASE(the_owner_of_the_file_is_kept, *boost::unit_test::precondition(as_root)) {
  const TempDir dir;
  const auto file = dir.file("properties.toml", "");
  BOOST_REQUIRE(::chown(file.c_str(), kStranger, kStranger) == 0);
  update_store(file, [](PropertyStore& store) { set(store, "a=1"); });
  BOOST_TEST(stat_of(file).st_uid == kStranger);
  BOOST_TEST(stat_of(file).st_gid == kStranger);
}

BOOST_AUTO_TEST_CASE(a_change_that_throws_leaves_the_file_and_frees_the_lock) {
  const TempDir dir;
  const std::string old = "[UserDefinedVMProperties]\n\"4.8\" = \"a=1\"\n";
  const auto file = dir.file("properties.toml", old);
  BOOST_CHECK_THROW(update_store(file,
                                 [](PropertyStore& store) {
                                   set(store, "a=2");
                                   throw std::runtime_error("no");
                                 }),
                    std::runtime_error);
  check_error([&] { update_store(file, [](PropertyStore& store) { set(store, "a"); }); }, Errc::wrong_use, {"no ="});
  check_error([&] { update_store(file, [](PropertyStore& store) { store.profiles["\xFF"]; }); }, Errc::wrong_use,
              {"vNIC profile"});
  BOOST_TEST(content_of(file) == old);
  update_store(file, [](PropertyStore& store) { set(store, "a=3"); });
  BOOST_TEST(*PropertyStore::read(file).text(kVm, "4.8") == "a=3");
  dir.file("properties.toml", "[x]\n");
  check_error([&] { update_store(file, [](PropertyStore&) { BOOST_ERROR("was asked"); }); }, Errc::bad_configuration,
              {file + ":1:"});
  BOOST_TEST(content_of(file) == "[x]\n");
}

BOOST_AUTO_TEST_CASE(a_full_disk_leaves_the_old_file) {
  const TempDir dir;
  const auto file = dir / "properties.toml";
  update_store(file, [](PropertyStore& store) { set(store, "a=1"); });
  const auto old = content_of(file);
  const auto child = start([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      update_store(file, [](PropertyStore& store) { set(store, "a=" + std::string(60000, 'x')); });
    } catch (const Error& error) {
      if (error.code() == make_error_code(Errc::engine_failure)) return;
    }
    throw std::runtime_error("there was no engine_failure");
  });
  BOOST_TEST(status_of(child) == 0);
  BOOST_TEST(content_of(file) == old);
  BOOST_TEST(count_entries(dir.path()) == 2U);
}

BOOST_AUTO_TEST_CASE(who_may_not_write_the_directory_changes_nothing, *boost::unit_test::precondition(as_root)) {
  const TempDir dir;
  const auto file = dir.file("config/properties.toml", "");
  const auto fails = [](const std::string& name) {
    try {
      update_store(name, [](PropertyStore& store) { set(store, "a=1"); });
    } catch (const Error& error) {
      return error.code() == make_error_code(Errc::wrong_use) || error.code() == make_error_code(Errc::engine_failure);
    }
    return false;
  };
  BOOST_TEST(as_user(kStranger, [&] { return fails(file) && fails(dir / "new/properties.toml"); }));
  BOOST_TEST(content_of(file).empty());
  BOOST_TEST(count_entries(dir / "config") == 1U);
}

BOOST_AUTO_TEST_CASE(eight_processes_that_change_the_file_lose_nothing_and_every_reader_reads) {
  constexpr int processes = 8, changes = 60;
  const TempDir dir;
  const auto file = dir / "properties.toml";
  int ended[2];
  BOOST_REQUIRE(::pipe2(ended, O_CLOEXEC) == 0);
  std::vector<pid_t> children;
  for (int p = 0; p < processes; ++p)
    children.push_back(start([&] {
      for (int i = 0; i < changes; ++i)
        update_store(file, [&](PropertyStore& store) {
          auto& properties = store.profiles["p" + std::to_string(p)].properties;
          properties.emplace_back("n" + std::to_string(i), "");
        });
    }));
  ::close(ended[1]);
  // The pipe hangs up when every child has ended. Between two reads the children get some time for themselves.
  pollfd all_ended{ended[0], 0, 0};
  int reads = 0;
  std::size_t most = 0;
  while (::poll(&all_ended, 1, 5) == 0) {
    std::size_t names = 0;
    BOOST_REQUIRE_NO_THROW({
      for (const auto& [name, profile] : PropertyStore::read(file).profiles) names += profile.properties.size();
    });
    BOOST_TEST(names >= most);
    most = names;
    ++reads;
  }
  ::close(ended[0]);
  for (const auto child : children) BOOST_TEST(status_of(child) == 0);
  BOOST_TEST(reads > 0);
  const auto store = PropertyStore::read(file);
  BOOST_TEST(store.profiles.size() == static_cast<std::size_t>(processes));
  for (const auto& [name, profile] : store.profiles)
    BOOST_TEST(profile.properties.size() == static_cast<std::size_t>(changes), name);
  BOOST_TEST(count_entries(dir.path()) == 2U);
}

BOOST_AUTO_TEST_CASE(a_process_that_is_killed_leaves_a_file_that_reads_and_no_lock) {
  const TempDir dir;
  const auto file = dir / "properties.toml";
  std::mt19937 random(1);
  std::size_t before = 0;
  for (int round = 0; round < 60; ++round) {
    int working[2];
    BOOST_REQUIRE(::pipe2(working, O_CLOEXEC) == 0);
    const auto child = start([&] {
      for (int i = 0;; ++i) {
        update_store(file, [&](PropertyStore& store) {
          store.profiles["p"].properties.emplace_back("r" + std::to_string(round) + "_" + std::to_string(i),
                                                      std::string(100, 'x'));
        });
        if (::write(working[1], "x", 1) != 1) return;
      }
    });
    ::close(working[1]);
    char byte = 0;
    for (unsigned i = 0; i < 1 + random() % 3; ++i) BOOST_REQUIRE(::read(working[0], &byte, 1) == 1);
    // Somewhere within the next change, wherever that is.
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 3000);
    while (std::chrono::steady_clock::now() < until) {
    }
    ::kill(child, SIGKILL);
    BOOST_TEST(WIFSIGNALED(status_of(child)));
    ::close(working[0]);
    std::size_t now = 0;
    BOOST_REQUIRE_NO_THROW(now = PropertyStore::read(file).profiles.at("p").properties.size());
    BOOST_TEST(now > before);
    before = now;
  }
  update_store(file, [](PropertyStore& store) { set(store, "a=1"); });
  BOOST_TEST(*PropertyStore::read(file).text(kVm, "4.8") == "a=1");
}
