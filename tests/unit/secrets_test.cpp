// Passwords in what is shown: found by their form and by what was seen before, hidden wherever they turn up.
#define BOOST_TEST_MODULE secrets
#include <boost/test/unit_test.hpp>

#include "vdsm_hook/base/limits.hpp"
#include "vdsm_hook/xml/secrets.hpp"

using namespace vdsm_hook;

BOOST_AUTO_TEST_CASE(texts_of_cookies_are_hidden_in_documents_and_in_parts_of_them) {
  const std::pair<std::string, std::string> cases[] = {
      {"<cookies>\n<cookie name='x'>s3cr&amp;t</cookie>\n</cookies>",
       "<cookies>\n<cookie name='x'>***</cookie>\n</cookies>"},
      {"-<cookie name=\"a>b\">old</cookie>\n+<cookie\tname='x'>new</cookie >",
       "-<cookie name=\"a>b\">***</cookie>\n+<cookie\tname='x'>***</cookie >"},
      {"<cookie><![CDATA[<&]]></cookie>", "<cookie>***</cookie>"},
      {"<cookie name='x'>cut o", "<cookie name='x'>***"},
      {"<cookie name='x'/><title>t</title>", "<cookie name='x'/><title>t</title>"},
      {"<cookie name='pa", "<cookie name='pa"},
      {"<cookie 'open <title>t</title>", "<cookie 'open <title>t</title>"},
      {"<cookie", "<cookie"},
      {"<cookies>text</cookies>", "<cookies>text</cookies>"},
      {"<graphics passwd='a'/><cookie>b</cookie><graphics passwd='c'/>",
       "<graphics passwd='***'/><cookie>***</cookie><graphics passwd='***'/>"},
  };
  for (const auto& [text, expected] : cases) BOOST_TEST(without_passwords(text) == expected);
}

BOOST_AUTO_TEST_CASE(values_of_passwd_are_hidden_in_documents_and_in_parts_of_them) {
  const std::pair<std::string, std::string> cases[] = {
      {"<graphics passwd='s3cr&amp;t' port='1'/>", "<graphics passwd='***' port='1'/>"},
      {"+<graphics passwd = \"it's\"/>", "+<graphics passwd = \"***\"/>"},
      {"<graphics passwdValidTo='2026'/>", "<graphics passwdValidTo='2026'/>"},
      {"passwd='cut off", "passwd='***"},
      {"passwd='", "passwd='***"},
      {"passwd=", "passwd="},
      {"passwd", "passwd"},
      {"passwd=''", "passwd='***'"},
      {"passwd='passwd' passwd='b'", "passwd='***' passwd='***'"},
      {"the passwd of 'web-1'", "the passwd of 'web-1'"},
      {"", ""},
  };
  for (const auto& [text, expected] : cases) BOOST_TEST(without_passwords(text) == expected);
}

BOOST_AUTO_TEST_CASE(a_password_that_was_seen_is_hidden_wherever_it_turns_up) {
  Secrets secrets;
  BOOST_TEST(secrets.is_empty());
  secrets.learn(
      "<domain><devices><graphics passwd='aa&amp;b'/><graphics passwd='aa&amp;b&lt;c'/><graphics "
      "passwd=''/></devices></domain>");
  secrets.learn("-<graphics passwd='***'>\n+<graphics passwd=\"n&#101;wer\">\n");
  BOOST_TEST(secrets.hidden("says aa&b, aa&amp;b, aa&b<c, aa&amp;b&lt;c and newer") ==
             "says ***, ***, ***, *** and ***");
}

BOOST_AUTO_TEST_CASE(a_cookie_that_was_seen_is_hidden_wherever_it_turns_up) {
  Secrets secrets;
  secrets.learn("<disk><cookies><cookie name='x'>\n  a&amp;bc </cookie><cookie name='y'/></cookies></disk>");
  secrets.learn("+<cookie name='x'>n&#101;wer</cookie>\n+<cookie>cut off");
  BOOST_TEST(secrets.hidden("says a&bc, a&amp;bc, newer and cut off") == "says ***, ***, *** and ***");
}

BOOST_AUTO_TEST_CASE(a_short_secret_is_hidden_where_it_stands_and_harms_nothing_else) {
  Secrets secrets;
  secrets.learn("<domain><graphics passwd='1'/><graphics passwd='&amp;'/><cookie>abc</cookie></domain>");
  BOOST_TEST(secrets.hidden("<vcpu>1</vcpu> abc &amp; <graphics passwd='1'/><cookie>abc</cookie>") ==
             "<vcpu>1</vcpu> abc &amp; <graphics passwd='***'/><cookie>***</cookie>");
  secrets.learn_password("four");
  BOOST_TEST(secrets.hidden("one, four") == "one, ***");
}

BOOST_AUTO_TEST_CASE(what_is_no_sound_document_teaches_nothing_and_harms_nothing) {
  Secrets secrets;
  for (const std::string text : {"passwd", "<a passwd='", "<a passwd='x'", "passwd=\"&undefined;\"", "passwd='\x01'"}) {
    secrets.learn(text);
    secrets.learn(text);
  }
  BOOST_TEST(secrets.hidden("y") == "y");
}

BOOST_AUTO_TEST_CASE(a_password_that_is_wrapped_over_lines_is_hidden_whole_and_in_pieces) {
  const std::string wrapped = "<graphics type='vnc'\n  passwd='first half\nsecond half'/>";
  BOOST_TEST(without_passwords(wrapped) == "<graphics type='vnc'\n  passwd='***'/>");
  BOOST_TEST(without_passwords("passwd\n=\n'value'") == "passwd\n=\n'***'");
  Secrets secrets;
  secrets.learn(wrapped);
  BOOST_TEST(secrets.hidden("+  passwd='first half\n+second half'/>\n") == "+  passwd='***'/>\n");
  BOOST_TEST(secrets.hidden("it says first half second half") == "it says ***");  // as attributes are read
  BOOST_TEST(secrets.hidden("-second half\n") == "-***\n");
}

BOOST_AUTO_TEST_CASE(what_is_a_password_by_its_name_is_hidden_in_elements_options_and_json) {
  const std::pair<std::string, std::string> cases[] = {
      {"<ovirt-vm:root_password>abc</ovirt-vm:root_password>", "<ovirt-vm:root_password>***</ovirt-vm:root_password>"},
      {"<qemu:arg value='secret,id=s0,data=abc,format=raw'/>", "<qemu:arg value='secret,id=s0,data=***,format=raw'/>"},
      {R"({"dbPassword": "a\"bc", "path": "/x"})", R"({"dbPassword": "***", "path": "/x"})"},
      {"<qemu:arg value='-spice port=1,password=abc,x=1'/>", "<qemu:arg value='-spice port=1,password=***,x=1'/>"},
      {"<entry name='opt'>io.systemd.credential:x=abc</entry>",
       "<entry name='opt'>io.systemd.credential:x=***</entry>"},
      {"<secret type='iscsi' usage='u'/>", "<secret type='iscsi' usage='u'/>"},
      {"password-secret=sec0", "password-secret=sec0"},
      {"<has_password>true</has_password>", "<has_password>true</has_password>"},
  };
  for (const auto& [text, expected] : cases) BOOST_TEST(without_passwords(text) == expected);
}

BOOST_AUTO_TEST_CASE(a_variable_is_a_password_by_its_name) {
  const std::vector<std::pair<std::string, std::string>> variables{
      {"root_password", "hunter"}, {"has_password", "true"}, {"size", "hunter2"}};
  const auto hidden = without_passwords(variables);
  BOOST_TEST(hidden[0].second == "***");
  BOOST_TEST(hidden[1].second == "true");
  BOOST_TEST(hidden[2].second == "hunter2");
  Secrets secrets;
  secrets.learn(variables);
  BOOST_TEST(secrets.hidden("true: hunter") == "true: ***");
}

BOOST_AUTO_TEST_CASE(with_more_passwords_than_can_be_looked_for_nothing_is_shown) {
  Secrets secrets;
  std::string document;
  for (std::size_t i = 0; i <= kMaxSecrets; ++i) document += "<graphics passwd='p" + std::to_string(100000 + i) + "'/>";
  secrets.learn(document);
  BOOST_TEST(secrets.hidden("p100000 and p101000").find("p10") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_password_with_blanks_is_hidden_whole_in_a_message_that_quotes_it) {
  Secrets secrets;
  secrets.learn({{"root_password", "my own words"}, {"api_token", "ends, here"}});
  BOOST_TEST(secrets.hidden("root_password=my own words: does not match") == "root_password=***: does not match");
  BOOST_TEST(secrets.hidden("api_token=ends, here; root_password=my own words") == "api_token=***; root_password=***");
  BOOST_TEST(secrets.hidden("my own words=password=my own words") == "***=password=***");
}

BOOST_AUTO_TEST_CASE(a_password_that_is_a_name_itself_gives_no_other_away) {
  Secrets secrets;
  secrets.learn("<graphics passwd='passwd'/>");
  BOOST_TEST(secrets.hidden("<graphics passwd='abc'/>") == "<graphics ***='***'/>");
}

BOOST_AUTO_TEST_CASE(the_rest_of_a_password_that_was_cut_off_is_hidden) {
  Secrets secrets;
  secrets.learn(
      "<graphics passwd='hunter hunter'/><graphics passwd='first&#10;second'/><graphics passwd='ananas &amp; co'/>");
  const std::pair<std::string, std::string> cases[] = {
      {"unter hunter'/>\n", "***'/>\n"},
      {"hunter and more", "*** and more"},
      {"r and hunter hunter", "*** and ***"},
      {"hunter hunter", "***"},
      {"econd\n", "***\n"},
      {"nanas &amp; co", "***"},
      {"ananas", "ananas"},
      {"x", "x"},
      {"", ""},
      {"r", "***"},
      {"as & co\n", "***\n"},
  };
  for (const auto& [text, expected] : cases) BOOST_TEST(secrets.hidden_end(text) == expected);
  BOOST_TEST(secrets.hidden("unter hunter'/>") == "unter hunter'/>");  // whole, it is none
  BOOST_TEST(Secrets().hidden_end("passwd='x'") == "passwd='***'");
}

BOOST_AUTO_TEST_CASE(the_placeholder_of_a_command_is_no_password) {
  BOOST_TEST(without_passwords("vdsm-hook props define 'root_password=PATTERN'") ==
             "vdsm-hook props define 'root_password=PATTERN'");
  BOOST_TEST(without_passwords("<graphics password='PATTERN'/>") == "<graphics password='***'/>");
  Secrets secrets;
  secrets.learn({{"root_password", "PATTERN"}});
  BOOST_TEST(secrets.hidden("root_password=PATTERN") == "root_password=***");
}

// As long as a document may be, and each would take hours if it took the square.
BOOST_AUTO_TEST_CASE(the_time_to_look_for_passwords_grows_with_the_text) {
  for (const std::string unit :
       {"passwd:", "data,", "a:passwd ", "<passwd>", "<passwd ", "passwd='", "passwd = ", "\"passwd\": ", "<cookie ",
        "<cookie>", "secret,data,", "<passwd>on", "io.systemd.credential:"}) {
    std::string text;
    while (text.size() < 2U << 20) text += unit;
    Secrets secrets;
    secrets.learn(text);
    BOOST_TEST(secrets.hidden(text).size() > 0U);
  }
  Secrets secrets;
  const std::string many(1U << 20, 'a');
  secrets.learn("<graphics passwd='aaaa'/><graphics passwd='" + many + "b'/>");
  BOOST_TEST(secrets.hidden(many) == "***");
  BOOST_TEST(secrets.hidden_end(many) == "***");
}
