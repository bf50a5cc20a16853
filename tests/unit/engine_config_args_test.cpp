// engine-config's command line, and what oVirt's tool says of values that it refuses. The vectors:
// data/custom_properties.json.
#define BOOST_TEST_MODULE engine_config_args
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/cli/engine_config/engine_config_args.hpp"
#include "vdsm_hook/cli/engine_config/engine_config_grammar.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::cli;
namespace json = boost::json;
using Action = EngineConfigAction;
using Words = std::vector<std::string_view>;

namespace {

constexpr std::string_view kActionNames[] = {"list", "all", "get", "set", "merge", "diff", "help"};

EngineConfigArgs parsed(const Words& words) { return parse_engine_config_args(words); }

std::string refused(const Words& words) {
  try {
    parse_engine_config_args(words);
    return "accepted";
  } catch (const Error& error) {
    BOOST_TEST((error.code() == Errc::wrong_use));
    return error.what();
  }
}

json::array vectors(std::string_view op) {
  std::ifstream file(VDSM_HOOK_TEST_DATA "/custom_properties.json");
  std::stringstream content;
  content << file.rdbuf();
  const auto all = json::parse(content.str());
  json::array found;
  for (const auto& vector : all.as_object().at("vectors").as_array())
    if (vector.at("op").as_string() == op) found.push_back(vector);
  return found;
}

json::value field(const EngineConfigArgs& args, std::string_view name) {
  if (name == "action") return json::value(kActionNames[static_cast<std::size_t>(args.action)]);
  if (name == "key") return json::value(args.key);
  if (name == "value") return json::value(args.value.value_or("(none)"));
  if (name == "config_file") return json::value(args.config_file);
  if (name == "properties_file") return json::value(args.properties_file);
  if (name == "only_reloadable") return json::value(args.is_only_reloadable);
  return json::value("no such field");
}

constexpr std::string_view kFirst = "First argument must be an action, and start with '-' or '--'";
constexpr std::string_view kNoEquals = "Argument for set/merge action must be in format of key=value.";

std::string no_action(const std::string& word) {
  return "Action verb must come first, and '" + word +
         "' is not an action.\nPlease tell me what to do: list? get? set? get-all?";
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_vector_of_words) {
  std::size_t count = 0;
  for (const auto& value : vectors("cli_parse")) {
    const auto& vector = value.as_object();
    Words words;
    for (const auto& word : vector.at("args").as_array()) words.emplace_back(word.as_string());
    BOOST_TEST_CONTEXT(json::serialize(value)) {
      ++count;
      if (vector.at("expected").is_string()) {
        BOOST_TEST(refused(words) != "accepted");
        continue;
      }
      const auto args = parsed(words);
      for (const auto& [name, wanted] : vector.at("expected").as_object())
        BOOST_TEST((field(args, name) == wanted), std::string(name) << " is " << json::serialize(field(args, name)));
    }
  }
  BOOST_TEST(count == 10);
}

BOOST_AUTO_TEST_CASE(every_vector_of_requirements) {
  std::size_t count = 0;
  for (const auto& value : vectors("cli_requirements")) {
    const auto& vector = value.as_object();
    EngineConfigArgs args;
    args.action = vector.at("action").as_string() == "set" ? Action::set : Action::get;
    if (vector.at("key").is_string()) args.key = vector.at("key").as_string();
    if (vector.at("value").is_string()) args.value = std::string(vector.at("value").as_string());
    BOOST_TEST_CONTEXT(json::serialize(value)) {
      ++count;
      BOOST_TEST(missing_in(args).empty() == vector.at("expected").as_bool());
    }
  }
  BOOST_TEST(count == 4);
}

BOOST_AUTO_TEST_CASE(actions_in_both_forms) {
  const std::pair<Action, Words> all[] = {{Action::list, {"-l", "--list"}},   {Action::all, {"-a", "--all"}},
                                          {Action::get, {"-g", "--get"}},     {Action::set, {"-s", "--set"}},
                                          {Action::merge, {"-m", "--merge"}}, {Action::diff, {"-d", "--diff"}}};
  for (const auto& [action, words] : all)
    for (const auto word : words) BOOST_TEST((parsed({word}).action == action), word);
}

BOOST_AUTO_TEST_CASE(what_is_no_action) {
  BOOST_TEST(refused({}) == "Error: at least 1 argument needed for configuration utility to run.");
  BOOST_TEST(refused({"get"}) == kFirst);
  BOOST_TEST(refused({""}) == kFirst);
  for (const auto* word : {"-", "--", "-x", "--list=1", "--set=A=B", "--merge=A=B", "-g=A", "--cver=4.7", "--help=A"})
    BOOST_TEST(refused({word}) == no_action(word));
  for (const auto* word : {"-r", "--reload"}) BOOST_TEST(refused({word}).starts_with("There is nothing to reload"));
}

BOOST_AUTO_TEST_CASE(help_wins_wherever_it_stands) {
  for (const auto* word : {"-h", "-help", "--help"})
    for (const Words& words : {Words{word}, {"-s", "A=1", word}, {"foo", word}, {"-g", "A", "--cver", word}})
      BOOST_TEST((parsed(words).action == Action::help));
}

BOOST_AUTO_TEST_CASE(the_key_is_the_second_word) {
  BOOST_TEST(parsed({"-g", "A", "B"}).key == "A");
  BOOST_TEST(parsed({"--get=A", "B"}).key == "A");
  BOOST_TEST(parsed({"-g", "--cver=4.7", "A"}).key.empty());
  BOOST_TEST(missing_in(parsed({"-g"})) == "Missing key for get action.");
  BOOST_TEST(missing_in(parsed({"--get="})) == "Missing key for get action.");
  BOOST_TEST(refused({"-s", "A"}) == kNoEquals);
  BOOST_TEST(refused({"-m", "A", "B=1"}) == kNoEquals);
  BOOST_TEST(refused({"-s", "A", "--admin-pass-file=/dev/null"}) == kNoEquals);
  for (const auto* action : {"-g", "-l", "-a", "--get=B"})
    BOOST_TEST(refused({action, "A=1"}) == "Illegal second argument: A=1.");
  BOOST_TEST(parsed({"-g", "A="}).key == "A");
}

BOOST_AUTO_TEST_CASE(the_value_is_all_behind_the_first_equals_sign) {
  BOOST_TEST(parsed({"-s", "A=b=c;d=e="}).value.value() == "b=c;d=e=");
  BOOST_TEST(parsed({"-s", "A="}).value.value().empty());
  BOOST_TEST(missing_in(parsed({"-s", "A="})).empty());
  BOOST_TEST(missing_in(parsed({"-s", "=1"})) ==
             "Missing key or value for set action, make sure arguments are in proper order.");
  BOOST_TEST(missing_in(parsed({"-m"})) ==
             "Missing key or value for merge action, make sure arguments are in proper order.");
}

BOOST_AUTO_TEST_CASE(an_option_takes_its_value_behind_an_equals_sign_or_the_next_word) {
  for (const Words& words :
       {Words{"-g", "A", "--cver=4.7"}, {"-g", "A", "--cver", "4.7"}, {"-g", "A", "x", "--cver=4.6", "--cver=4.7"}})
    BOOST_TEST(parsed(words).level == "4.7");
  BOOST_TEST(parsed({"-g", "A", "--cver="}).level.empty());
  const auto args = parsed({"-a", "--properties=p", "-c=c", "--config-dir", "-d", "-o"});
  BOOST_TEST(
      (args.properties_file == "p" && args.config_file == "c" && args.config_dir == "-d" && args.is_only_reloadable));
  for (const auto* option : {"--cver", "-p", "--config", "--config-dir"})
    BOOST_TEST(refused({"-a", option}).starts_with("The option " + std::string(option) + " needs a value"));
  for (const auto* option : {"-p=", "--config=", "--config-dir="})
    BOOST_TEST(refused({"-a", option}).ends_with("is empty"));
}

BOOST_AUTO_TEST_CASE(unknown_options_are_ignored_and_take_the_next_word) {
  BOOST_TEST(parsed({"-a", "--bogus=1", "--cver=4.7"}).level == "4.7");
  BOOST_TEST(parsed({"-a", "--bogus", "--cver=4.7"}).level.empty());
  for (const auto* option : {"-u", "--user", "--admin-pass-file", "--log-file", "--log-level", "-x", "--"})
    BOOST_TEST(parsed({"-a", option, "--cver=4.6", "--cver=4.7"}).level == "4.7");
  BOOST_TEST((parsed({"-a", "--bogus"}).action == Action::all));
}

BOOST_AUTO_TEST_CASE(what_ovirts_grammar_refuses_and_what_only_ours_does) {
  const auto is_refused = [](DefinitionKey key, std::string_view text) { return !refusal_by_ovirt(key, text).empty(); };
  for (const auto* text : {"", "a=1", "a=1;", "a=1;a=2", "9=x", "PATH=x", "a=[", "a=\xff", "a=(?=x)"})
    BOOST_TEST(!is_refused(DefinitionKey::vm, text), text);
  for (const auto* text : {"a", "a=1; b=2", "a=1;;", ";", "a-b=1"})
    BOOST_TEST(is_refused(DefinitionKey::vm, text), text);

  const std::string disk = "{type=disk;prop={a=1}}", nic = "{type=interface;prop={b=[0-9]{2};c=x}}";
  for (const auto& text : {std::string(), disk, disk + ";", disk + ";" + nic, disk + nic, disk + ", " + nic,
                           std::string("{type=mdev;prop={}}")})
    BOOST_TEST(!is_refused(DefinitionKey::device, text), text);
  for (const auto& text :
       {nic + ";" + disk, disk + ";" + disk, disk + ";;" + nic, std::string("{type=nic;prop={}}"), std::string("x")})
    BOOST_TEST(is_refused(DefinitionKey::device, text), text);

  for (const auto* text : {"", "a=.*", "a=.*;;", "a b=.*", "a=1;a=2"})
    BOOST_TEST(!is_refused(DefinitionKey::network, text), text);
  for (const auto* text : {"a", "a=[", "a=1;;b=2", "a=1;b"}) BOOST_TEST(is_refused(DefinitionKey::network, text), text);
}

BOOST_AUTO_TEST_CASE(the_block_that_is_printed_describes_blocks) {
  const auto text = refusal_by_ovirt(DefinitionKey::device, "x");
  const auto block = Pattern::compile(std::string_view(text).substr(text.find(" conform to ") + 12));
  BOOST_TEST(block.matches("{type=tpm;prop={a=^x{2}$;b=}};"));
  BOOST_TEST(!block.matches("{type=tpm,prop={a=1}}"));
}

BOOST_AUTO_TEST_CASE(ovirts_merge_appends_what_is_not_there_word_for_word) {
  BOOST_TEST(appended_items("", "b;") == "b;");
  BOOST_TEST(appended_items("a=1;", "b") == "a=1;b");
  BOOST_TEST(appended_items("a=1;c=1", "a=1;a=2;c=1") == "a=1;c=1;a=2");
}
