// A hook that rewrites its document: the first "64" becomes "65".
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

int main() {
  const char* name = std::getenv("_hook_domxml");
  if (name == nullptr) return 1;
  std::ifstream in(name, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const auto at = text.find("64");
  if (at != std::string::npos) text[at + 1] = '5';
  std::ofstream(name, std::ios::binary | std::ios::trunc) << text;
  return 0;
}
