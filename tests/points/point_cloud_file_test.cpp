#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <unistd.h>

#include <regulus/data/file.hpp>
#include <regulus/data/pcd.hpp>
#include <regulus/data/ply.hpp>
#include <regulus/data/point_cloud_file.hpp>

#include "points/clouds.hpp"
#include "support/shared.hpp"

using namespace regulus;
using namespace regulus::testing;

namespace {

PointCloudFile parse(const std::string& bytes, const PointCloudOptions& options = {}) {
    return parse_point_cloud({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, "cloud", options);
}

/// The message of the refusal, without what all begin with.
std::string refusal(const std::string& bytes, const PointCloudOptions& options = {}) {
    const std::string begin = "read_point_cloud: \"cloud\"";
    try {
        parse(bytes, options);
    } catch (const FileError& error) {
        const std::string what = error.what();
        return what.starts_with(begin) ? what.substr(begin.size() + 2) : what;
    }
    return "nothing was refused";
}

bool same_bits(const PointCloud& a, const PointCloud& b) {
    return a.features == b.features && a.values.size() == b.values.size() && (a.values.empty() || std::memcmp(a.values.data(), b.values.data(), 4 * a.values.size()) == 0);
}

std::string written(const PointCloud& cloud, PcdData data) {
    const TemporaryPath path;
    write_pcd(path.text(), cloud, {"intensity", "t"}, data);
    return path.bytes();
}

std::string written(const PointCloud& cloud, PlyData data) {
    const TemporaryPath path;
    write_ply(path.text(), cloud, {"intensity", "t"}, data);
    return path.bytes();
}

const PointCloudOptions with_two = {.columns = 5, .fields = {"intensity", "t"}};

}  // namespace

TEST_CASE("point clouds: what is written reads back to the bit, in every form") {
    for (const std::size_t points : {0, 1, 2, 33, 1000}) {
        const PointCloud cloud = awkward_cloud(points);
        const TemporaryPath path;
        write_bin(path.text(), cloud);
        CHECK(path.bytes().size() == 20 * points);
        CHECK(same_bits(read_point_cloud(path.text(), with_two).cloud, cloud));
        for (const PcdData data : {PcdData::ascii, PcdData::binary, PcdData::binary_compressed}) {
            write_pcd(path.text(), cloud, {"intensity", "t"}, data);
            const PointCloudFile file = read_point_cloud(path.text(), with_two);
            CHECK(same_bits(file.cloud, cloud));
            CHECK(file.dropped == 0);
        }
        for (const PlyData data : {PlyData::ascii, PlyData::binary_little_endian, PlyData::binary_big_endian}) {
            write_ply(path.text(), cloud, {"intensity", "t"}, data);
            CHECK(same_bits(read_point_cloud(path.text(), with_two).cloud, cloud));
        }
    }
}

TEST_CASE("point clouds: a full nuScenes frame survives every form, and compression pays where numbers repeat") {
    REGULUS_REQUIRE_SHARED("data/points/nuscenes_frame.bin");
    const PointCloud cloud = read_point_cloud(shared_path("data/points/nuscenes_frame.bin"), {.columns = 5}).cloud;
    CHECK(cloud.size() == 34688);
    for (const PcdData data : {PcdData::ascii, PcdData::binary, PcdData::binary_compressed}) {
        const std::string bytes = written(cloud, data);
        CHECK(same_bits(parse(bytes, with_two).cloud, cloud));
        if (data == PcdData::binary_compressed) CHECK(bytes.size() < 4 * cloud.values.size());  // intensity and ring are whole numbers
    }
    for (const PlyData data : {PlyData::ascii, PlyData::binary_little_endian, PlyData::binary_big_endian}) CHECK(same_bits(parse(written(cloud, data), with_two).cloud, cloud));
}

TEST_CASE("point clouds: points with a number that is not finite are dropped and counted") {
    PointCloud cloud = awkward_cloud(10);
    PointCloud rest;
    rest.features = 5;
    const float bad[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()};
    for (std::size_t i = 0; i < 10; ++i) {
        if (i % 3 == 1) cloud.values[i * 5 + i % 5] = bad[i / 3];
        else rest.values.insert(rest.values.end(), cloud[i], cloud[i] + 5);
    }
    const TemporaryPath path;
    write_bin(path.text(), cloud);
    std::vector<std::string> files = {path.bytes()};
    for (const PcdData data : {PcdData::ascii, PcdData::binary, PcdData::binary_compressed}) files.push_back(written(cloud, data));
    for (const PlyData data : {PlyData::ascii, PlyData::binary_little_endian, PlyData::binary_big_endian}) files.push_back(written(cloud, data));
    for (const std::string& file : files) {
        const PointCloudFile result = parse(file, with_two);
        CHECK(result.dropped == 3);
        CHECK(same_bits(result.cloud, rest));
    }
}

TEST_CASE("point clouds: numbers that float32 cannot hold are dropped, not made infinite") {
    const std::string text = "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty double y\nproperty float z\nend_header\n1 2 3\n1 1e39 3\n1e39 2 3\n";
    const PointCloudFile file = parse(text);
    CHECK(file.cloud.size() == 1);
    CHECK(file.dropped == 2);
}

TEST_CASE("point clouds: fields come by name, in any order and of any type; what is missing gets the value asked for") {
    // one point, by hand: t (I 2) = -3, z (F 8) = 2.5, three bytes of padding, x (U 1) = 200, y (I 4) = -70000, label (U 8) = 5
    std::string row;
    const auto put = [&](const auto value) { row.append(reinterpret_cast<const char*>(&value), sizeof value); };
    put(std::int16_t{-3});
    put(2.5);
    row += "abc";
    put(std::uint8_t{200});
    put(std::int32_t{-70000});
    put(std::uint64_t{5});
    const std::string header = "FIELDS t z _ x y label\nSIZE 2 8 1 1 4 8\nTYPE I F U U I U\nCOUNT 1 1 3 1 1 1\nWIDTH 1\nHEIGHT 1\nPOINTS 1\nDATA binary\n";
    const PointCloudFile file = parse(header + row, {.fields = {"label", "t", "colour"}, .missing = 7.0f});
    REQUIRE(file.cloud.features == 6);
    CHECK(file.cloud.values == std::vector<float>{200, -70000, 2.5, 5, -3, 7});
    CHECK(parse(header + row).cloud.values == std::vector<float>{200, -70000, 2.5});
    CHECK(refusal(header + row, {.fields = {"colour"}}) == "a point has no field \"colour\"; it has \"t z _ x y label\"");
    CHECK(refusal(header + row.substr(1)) == "1 points of 26 bytes are declared, the file has 25 bytes for them");
}

TEST_CASE("point clouds: .ply of both byte orders by hand, with other elements around the vertices") {
    const std::string head = " 1.0\ncomment made by hand\nobj_info none\nelement face 2\nproperty list uchar int vertex_indices\nproperty uchar flag\nelement camera 1\nproperty double f\n"
                             "element vertex 1\nproperty short x\nproperty uint y\nproperty float z\nelement tail 9\nproperty int a\nend_header\n";
    using namespace std::string_literals;
    const std::string little = "\2"s + "\1\0\0\0\2\0\0\0"s + "\7"s + "\0"s + "\7"s + "ABCDEFGH"s + "\xFE\xFF"s + "\5\1\0\0"s + "\0\0\xC0\x3F"s;
    const std::string big = "\2"s + "\0\0\0\1\0\0\0\2"s + "\7"s + "\0"s + "\7"s + "ABCDEFGH"s + "\xFF\xFE"s + "\0\0\1\5"s + "\x3F\xC0\0\0"s;
    const std::string text = "2 1 2 7\n0 7\n1.5\n-2 261 1.5\n";
    for (const std::string& file : {"ply\nformat binary_little_endian" + head + little, "ply\r\nformat binary_big_endian" + head + big, "ply\nformat ascii" + head + text}) {
        CHECK(parse(file).cloud.values == std::vector<float>{-2, 261, 1.5});
    }
    CHECK(refusal("ply\nformat binary_little_endian" + head + little.substr(0, 10)) == "the file ends within element \"face\"");
    CHECK(refusal("ply\nformat binary_little_endian" + head + "\2\1") == "the file ends within element \"face\"");
    CHECK(refusal("ply\nformat ascii" + head + "2 1 2 7\n0 7\n") == "the file ends within element \"camera\"");
}

TEST_CASE("point clouds: text takes signs, exponents, blank lines and line ends of both kinds") {
    const std::string text = "# .PCD v.7\r\nVERSION .7\r\nFIELDS x y z\r\nSIZE 4 4 4\r\nTYPE F F F\r\nCOUNT 1 1 1\r\nWIDTH 2\r\nHEIGHT 2\r\nVIEWPOINT 0 0 0 1 0 0 0\r\nPOINTS 4\r\nDATA ascii\r\n"
                             "+1 -2e-1 .5\r\n\r\n  3\t4 5  \r\nnan 1 2\r\n1e-60 1E+2 -0\r\n";
    const PointCloudFile file = parse(text);
    CHECK(file.cloud.values == std::vector<float>{1, -0.2f, 0.5f, 3, 4, 5, 0, 100, 0});
    CHECK(file.dropped == 1);
}

TEST_CASE("point clouds: a format is known by its content, not by its name") {
    const TemporaryPath path(".bin");
    write_pcd(path.text(), awkward_cloud(3), {"a", "b"});
    CHECK(read_point_cloud(path.text(), {.columns = 4}).cloud.features == 3);
    CHECK_THROWS_WITH_AS(read_point_cloud(path.text(), {.format = PointCloudFormat::ply}), ("read_point_cloud: \"" + path.text() + "\": a .ply file begins with a line \"ply\"").c_str(), FileError);
    write_bin(path.text(), awkward_cloud(3));
    CHECK_THROWS_WITH_AS(read_point_cloud(path.text()),
                         ("read_point_cloud: \"" + path.text() + "\": it begins neither as .pcd nor as .ply; for rows of float32 the number of columns must be given (KITTI 4, nuScenes and Lyft 5)").c_str(), FileError);
}

TEST_CASE("point clouds: a .bin of another number of columns or cut short is refused; Lyft's known file is completed when asked") {
    const TemporaryPath path;
    write_bin(path.text(), awkward_cloud(4));  // 80 bytes: also five rows of four
    const std::string bytes = path.bytes();
    CHECK(refusal(bytes.substr(0, 77), {.columns = 5}) == "77 bytes are not rows of 5 float32 (20 bytes each): the file is cut short or has another number of columns");
    CHECK(refusal(bytes.substr(0, 72), {.columns = 5}) == "72 bytes are not rows of 5 float32 (20 bytes each): the file is cut short or has another number of columns");
    const PointCloud completed = parse(bytes.substr(0, 72), {.columns = 5, .complete_last_point = true}).cloud;
    REQUIRE(completed.size() == 4);
    CHECK(std::memcmp(completed.values.data(), bytes.data(), 72) == 0);
    CHECK(completed[3][3] == 100);
    CHECK(completed[3][4] == 1);
    CHECK(refusal(bytes.substr(0, 76), {.columns = 5, .complete_last_point = true}).starts_with("76 bytes are not rows"));
    CHECK_THROWS_WITH_AS(parse(bytes, {.columns = 2}), "read_point_cloud: a point of a .bin file has 3 .. 64 numbers, got 2", ArgumentError);
    CHECK(refusal(bytes, {.columns = 5, .max_points = 3}) == "4 points are more than the limit of 3");
}

TEST_CASE("point clouds: a .pcd that contradicts itself is refused with its reason") {
    const auto pcd = [](const std::string& fields, const std::string& size, const std::string& type, const std::string& rest) {
        return "VERSION 0.7\nFIELDS " + fields + "\nSIZE " + size + "\nTYPE " + type + "\n" + rest;
    };
    const std::string good = "WIDTH 1\nHEIGHT 1\nPOINTS 1\nDATA ascii\n1 2 3\n";
    CHECK(parse(pcd("x y z", "4 4 4", "F F F", good)).cloud.size() == 1);
    CHECK(refusal(pcd("x y", "4 4", "F F", good)) == "a point has no field \"z\"; it has \"x y\"");
    CHECK(refusal(pcd("x y z", "4 4", "F F F", good)) == "line 8 of the .pcd header: FIELDS names 3 fields, SIZE, TYPE and COUNT describe 2, 3 and 3");
    CHECK(refusal(pcd("x y z", "4 4 2", "F F F", good)) == "line 8 of the .pcd header: field \"z\" is of type \"F\" and 2 bytes; it must be F of 4 or 8, I or U of 1, 2, 4 or 8");
    CHECK(refusal(pcd("x x y z", "4 4 4 4", "F F F F", good)) == "line 8 of the .pcd header: field \"x\" stands there twice");
    CHECK(refusal(pcd("x y z", "4 4 4", "F F F", "COUNT 1 1 2\n" + good)) == "field \"z\" holds 2 numbers, one is expected");
    CHECK(refusal(pcd("x y z", "4 4 4", "F F F", "COUNT 1 1 5000\n" + good)) == "line 9 of the .pcd header: field \"z\" holds 5000 numbers, it must be 1 .. 4096");
    std::string fields = "x y z", sizes = "4 4 4", types = "F F F", counts = "1 1 1";
    for (int i = 0; i < 33; ++i) {
        fields += " f" + std::to_string(i);
        sizes += " 8";
        types += " F";
        counts += " 4096";
    }
    CHECK(refusal(pcd(fields, sizes, types, "COUNT " + counts + "\nPOINTS 0\nDATA ascii\n")) == "line 7 of the .pcd header: a point takes 1081356 bytes, more than the limit of 1 MiB");
    CHECK(refusal(pcd("x y z", "4 4 4", "F F F", "WIDTH 2\nHEIGHT 1\nPOINTS 1\nDATA ascii\n")) == "line 8 of the .pcd header: POINTS 1 is not WIDTH x HEIGHT, 2 x 1");
    CHECK(refusal(pcd("x y z", "4 4 4", "F F F", "WIDTH 4000000000\nHEIGHT 4000000000\nDATA binary\n")) == "line 7 of the .pcd header: WIDTH x HEIGHT is more than the limit of 268435456 points");
    CHECK(refusal(pcd("x y z", "4 4 4", "F F F", "POINTS 4000000000000000000\nDATA binary\n")) == "line 6 of the .pcd header: POINTS 4000000000000000000 is more than the limit of 268435456");
    CHECK(refusal(pcd("x y z", "4 4 4", "F F F", "POINTS -1\nDATA binary\n")) == "line 5 of the .pcd header: POINTS must be followed by whole numbers, got \"-1\"");
    CHECK(refusal(pcd("x y z", "4 4 4", "F F F", "POINTS 200000000\nDATA binary\n")) == "200000000 points of 12 bytes are declared, the file has 0 bytes for them");
    CHECK(refusal(pcd("x y z", "4 4 4", "F F F", "POINTS 200000000\nDATA ascii\n1 2 3\n")) == "200000000 points of 3 numbers are declared, 6 bytes of text cannot hold them");
    CHECK(refusal(pcd("x y z", "4 4 4", "F F F", "POINTS 2\nDATA ascii\n1 2 3\n          \n")) == "2 points are declared, the text ends after 1");
    CHECK(refusal(pcd("x y z", "4 4 4", "F F F", "POINTS 1\nDATA ascii\n1 2 3 4\n")) == "line 7 has 4 numbers, a point has 3");
    CHECK(refusal(pcd("x y z", "4 4 4", "F F F", "POINTS 1\nDATA ascii\n1 2 0x3\n")) == "line 7: \"0x3\" is not a number");
    CHECK(refusal(pcd("x y z", "4 4 4", "F F F", "SIZE 4 4 4\n" + good)) == "line 5 of the .pcd header: SIZE stands there twice");
    CHECK(refusal(pcd("x y z", "4 4 4", "F F F", "DEPTH 3\n" + good)) == "line 5 of the .pcd header: unknown key \"DEPTH\"");
    CHECK(refusal(pcd("x y z", "4 4 4", "F F F", "POINTS 1\nDATA zip\n")) == "line 6 of the .pcd header: DATA must be ascii, binary or binary_compressed, got \"zip\"");
    CHECK(refusal(pcd("x y z", "4 4 4", "F F F", "POINTS 1\n")) == "the header of this .pcd file ends before a line DATA");
    CHECK(refusal("# .PCD " + std::string(70000, '#')) == "no line DATA within the first 64 KiB of this .pcd file");
    CHECK(refusal("VERSION 0.9\n") == "line 1 of the .pcd header: VERSION must be 0.7, 0.6 or 0.5");
}

TEST_CASE("point clouds: compressed points are bounded by what the file holds before memory is taken") {
    const std::string header = "VERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nPOINTS 200000000\nDATA binary_compressed\n";
    const auto sizes = [](std::uint32_t stored, std::uint32_t size) {
        std::string bytes;
        for (const std::uint32_t value : {stored, size}) bytes.append(reinterpret_cast<const char*>(&value), 4);
        return bytes;
    };
    CHECK(refusal(header + sizes(100, 2'400'000'000u) + std::string(100, '\0')) == "100 compressed bytes cannot hold the 2400000000 bytes declared");
    CHECK(refusal(header + sizes(100, 12) + std::string(100, '\0')) == "the compressed points are declared as 12 bytes; 200000000 points of 12 bytes are 2400000000");
    CHECK(refusal(header + sizes(100, 2'400'000'000u) + std::string(99, '\0')) == "100 bytes of compressed points are declared, the file has 99");
    CHECK(refusal(header + "abc") == "the file ends within the sizes of its compressed points");

    const std::string one = "VERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nPOINTS 1\nDATA binary_compressed\n";
    const auto packed = [&](const std::string& data) { return one + sizes(std::uint32_t(data.size()), 12) + data; };
    using namespace std::string_literals;
    CHECK(parse(packed("\0\0\xE0\x02\0"s)).cloud.values == std::vector<float>{0, 0, 0});  // one zero, then eleven copies of it
    CHECK(refusal(packed("\x0B"s + std::string(11, 'a'))) == "compressed byte 1: the compressed data is cut short");
    CHECK(refusal(packed("\x0C"s + std::string(13, 'a'))) == "compressed byte 1: the data is longer than declared");
    CHECK(refusal(packed("\x0A"s + std::string(11, 'a'))) == "compressed byte 12: the data is shorter than declared");
    CHECK(refusal(packed("\0a\x20\x01"s)) == "compressed byte 4: a copy reaches before the beginning");
    CHECK(refusal(packed("\0a\x20"s)) == "compressed byte 3: the compressed data is cut short");
    CHECK(refusal(packed("\0a\xE0"s)) == "compressed byte 3: the compressed data is cut short");
}

TEST_CASE("point clouds: a .ply that contradicts itself is refused with its reason") {
    const std::string head = "ply\nformat ascii 1.0\n", xyz = "property float x\nproperty float y\nproperty float z\n";
    CHECK(refusal("ply\nelement vertex 0\n" + xyz + "end_header\n") == "line 6 of the .ply header: the line \"format\" is missing");
    CHECK(refusal("ply\nformat ascii 2.0\n") == "line 2 of the .ply header: there must be one line \"format <form> 1.0\"");
    CHECK(refusal("ply\nformat text 1.0\n") == "line 2 of the .ply header: the form must be ascii, binary_little_endian or binary_big_endian, got \"text\"");
    CHECK(refusal(head + "end_header\n") == "this .ply file has no element \"vertex\"");
    CHECK(refusal(head + "element vertex 1\nend_header\n1 2 3\n") == "a point has no field \"x\"; it has \"\"");
    CHECK(refusal(head + "element vertex 1\n" + xyz + "property list uchar int a\nend_header\n") == "the vertices of this .ply file hold lists, numbers are expected");
    CHECK(refusal(head + "element vertex 1\n" + xyz + "property float x\nend_header\n") == "line 7 of the .ply header: property \"x\" stands there twice");
    CHECK(refusal(head + "element vertex 1\nproperty half x\n") == "line 4 of the .ply header: a property stands behind its element and needs a type of this format and a name");
    CHECK(refusal(head + "property float x\n") == "line 3 of the .ply header: a property stands behind its element and needs a type of this format and a name");
    CHECK(refusal(head + "element vertex -1\n") == "line 3 of the .ply header: an element needs a name and a number");
    CHECK(refusal(head + "element vertex 4000000000\n" + xyz + "end_header\n") == "4000000000 points are more than the limit of 268435456");
    CHECK(refusal(head + "element vertex 200000000\n" + xyz + "end_header\n1 2 3\n") == "200000000 points of 3 numbers are declared, 6 bytes of text cannot hold them");
    CHECK(refusal("ply\nformat binary_little_endian 1.0\nelement vertex 200000000\n" + xyz + "end_header\nabc") == "200000000 points of 12 bytes are declared, the file has 3 bytes for them");
    CHECK(refusal(head + "element vertex 1\n" + xyz) == "the header of this .ply file ends before a line end_header");
    CHECK(refusal(head + std::string(70000, '\n')) == "no line end_header within the first 64 KiB of this .ply file");
    CHECK(refusal("ply\nformat binary_little_endian 1.0\nelement a 1\nproperty list char int b\nelement vertex 0\n" + xyz + "end_header\n\xFF") == "a list of element \"a\" has the length -1");
}

TEST_CASE("point clouds: writers refuse what they could not read back") {
    const PointCloud cloud = awkward_cloud(2);
    const TemporaryPath path;
    CHECK_THROWS_WITH_AS(write_pcd(path.text(), cloud, {"a"}), "write_pcd: a point has 5 numbers; behind x, y and z 2 names are needed, got 1", ArgumentError);
    CHECK_THROWS_WITH_AS(write_ply(path.text(), cloud, {"a", "x"}), "write_ply: \"x\" cannot name a field: it must be a word of its own of at most 60 ASCII characters", ArgumentError);
    CHECK_THROWS_AS(write_ply(path.text(), cloud, {"a", "two words"}), ArgumentError);
    CHECK_THROWS_WITH_AS(write_bin(path.text(), {2, {1, 2}}), "write_bin: 2 numbers are not points of 2, at least 3", ShapeError);
    CHECK_THROWS_AS(read_point_cloud(path.text()), FileError);  // nothing was written
    CHECK_THROWS_WITH_AS(read_point_cloud("/nowhere/cloud.bin"), "cannot open \"/nowhere/cloud.bin\": No such file or directory", FileError);
}
