// Oracles: the bytes and names that the file system shows afterwards; /dev/full stands for a full disk.
#include <gtest/gtest.h>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/text_file.h"
#include "temporary_folder.h"

using namespace sextant;

TEST(TextFile, IsThereWhole) {
  const TemporaryFolder folder;
  const std::string text = "one\r\n" + std::string(3'000'000, 'x') + std::string("\0é", 3);
  write_text(folder.path("page.html"), text);
  EXPECT_EQ(folder.bytes("page.html"), text);
  write_text(folder.path("page.html"), "");
  EXPECT_EQ(folder.bytes("page.html"), "");
  EXPECT_EQ(folder.names(), std::set<std::string>{"page.html"});
}

TEST(TextFile, SaysWhatCannotBeWritten) {
  const TemporaryFolder folder;
  EXPECT_THROW(write_text(folder.path(), "x"), IoError);
  EXPECT_THROW(write_text(folder.path("no/page.html"), "x"), IoError);
  EXPECT_THROW(write_text("/dev/full", "x"), IoError);
  EXPECT_TRUE(folder.names().empty());
}
