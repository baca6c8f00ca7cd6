#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <regulus/data/file.hpp>
#include <regulus/data/image_file.hpp>

#include "data/picture_bytes.hpp"
#include "support/shared.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

/// A folder that goes away with the test.
struct Folder {
    std::string path;
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "regulus_test_XXXXXX").string();
        path = ::mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::size_t files() const { return std::size_t(std::distance(std::filesystem::directory_iterator(path), {})); }
    std::string operator/(const char* name) const { return path + "/" + name; }
};

}  // namespace

TEST_CASE("image files: written and read, by suffix, leaving nothing else in the folder") {
    const Folder folder;
    const Image image = gradient(20, 30);
    write_image(folder / "a.png", image);
    write_image(folder / "b.JPG", image);
    write_image(folder / "c.jpeg", image);
    CHECK(read_image(folder / "a.png") == image);
    CHECK(read_image(folder / "b.JPG") == decode_image(encode_jpeg(image)));
    CHECK(folder.files() == 3);
    CHECK_THROWS_WITH_AS(write_image("out.gif", image), "write_image: \"out.gif\" must end in .png, .jpg or .jpeg", FileError);
    CHECK_THROWS_AS(write_image("folder.png/out", image), FileError);
}

TEST_CASE("image files: the first bytes decide, not the suffix") {
    const Folder folder;
    const Image image = gradient(5, 4);
    write_png(folder / "really_png.jpg", image);
    CHECK(read_image(folder / "really_png.jpg") == image);
}

TEST_CASE("image files: what is no picture is refused by name") {
    const Folder folder;
    const std::string path = folder / "x.jpg";
    write_file(path, std::string_view(""));
    CHECK_THROWS_WITH_AS(read_image(path), ("read_image: \"" + path + "\" is empty").c_str(), FileError);
    write_file(path, std::string_view("GIF89a and so on"));
    CHECK_THROWS_WITH_AS(read_image(path), ("read_image: \"" + path + "\" is neither a JPEG nor a PNG file").c_str(), FileError);
    CHECK_THROWS_WITH_AS(read_image(folder.path), ("read: \"" + folder.path + "\" is a directory; name a file in it").c_str(), FileError);
    CHECK_THROWS_WITH_AS(read_image("no/such/file.png"), "read: \"no/such/file.png\" cannot be opened: No such file or directory", FileError);
    CHECK_THROWS_WITH_AS(read_image(path, {.max_file_bytes = 3}), ("read: \"" + path + "\" has 16 bytes, more than the limit of 3").c_str(), FileError);
    CHECK_THROWS_WITH_AS(read_image("/dev/zero"), "read: \"/dev/zero\" is not a regular file", FileError);
    const std::string pipe = folder / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK_THROWS_AS(read_image(pipe), FileError);  // and does not wait for a writer
}

TEST_CASE("image files: an output that cannot be written is an error and leaves what was there") {
    const Folder folder;
    const Image image = gradient(5, 4);
    CHECK_THROWS_WITH_AS(write_png("no/such/folder/x.png", image), "write: \"no/such/folder/x.png\" cannot be created: No such file or directory", FileError);
    CHECK_THROWS_WITH_AS(write_png(folder.path, image), ("write: \"" + folder.path + "\" is a directory; name a file in it").c_str(), FileError);
    CHECK_THROWS_AS(write_png("/dev/full", image), FileError);  // a device without room
    write_png(folder / "old.png", image);
    CHECK_THROWS_AS(write_jpeg(folder / "old.png", image, 1000), ArgumentError);
    CHECK(read_image(folder / "old.png") == image);
    CHECK(folder.files() == 1);
}

TEST_CASE("write_file: keeps a link and the permissions of what it replaces") {
    const Folder folder;
    write_file(folder / "target", std::string_view("old"));
    REQUIRE(::chmod((folder / "target").c_str(), 0640) == 0);
    REQUIRE(::symlink((folder / "target").c_str(), (folder / "link").c_str()) == 0);
    write_file(folder / "link", std::string_view("new text"));
    const auto bytes = read_file(folder / "target", 100);
    CHECK(std::string(bytes.begin(), bytes.end()) == "new text");
    CHECK(std::filesystem::is_symlink(folder / "link"));
    struct stat facts {};
    REQUIRE(::stat((folder / "target").c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0640);
}

TEST_CASE("image files: real pictures cut at any of many places are refused, never half grey") {
    for (const char* name : {"data/images/dog.jpg", "data/images/bird.JPEG", "data/images/landscape_odd.png"}) {
        REGULUS_REQUIRE_SHARED(name);
        const auto bytes = read_file(shared_path(name), 1 << 26);
        CHECK(!decode_image(bytes).empty());
        for (int part = 0; part < 40; ++part) {
            CHECK_THROWS_AS(decode_image(std::span(bytes).first(bytes.size() * std::size_t(part) / 40)), FileError);
        }
    }
}
