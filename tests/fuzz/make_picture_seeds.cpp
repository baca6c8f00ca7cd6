// Writes the seeds of the fuzz targets of pictures: make_picture_seeds FOLDER makes FOLDER/{jpeg,png}/*.
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <regulus/data/image_file.hpp>
#include <regulus/weights/crc32.hpp>

using namespace regulus;

namespace {

std::string text_of(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

std::string big_endian(std::uint32_t value) { return {char(value >> 24), char(value >> 16), char(value >> 8), char(value)}; }

std::string chunk(const std::string& type, const std::string& data) {
    const std::string body = type + data;
    return big_endian(std::uint32_t(data.size())) + body + big_endian(detail::crc32(reinterpret_cast<const std::uint8_t*>(body.data()), body.size()));
}

/// A zlib stream of one stored block.
std::string stored(const std::string& data) {
    std::uint32_t a = 1, b = 0;
    for (const char c : data) a = (a + std::uint8_t(c)) % 65521, b = (b + a) % 65521;
    const auto size = std::uint16_t(data.size());
    return std::string("\x78\x01\x01", 3) + char(size) + char(size >> 8) + char(~size) + char(std::uint16_t(~size) >> 8) + data + big_endian(b << 16 | a);
}

/// A 4x2 picture of that colour type and depth; `rows` with a filter byte each.
std::string png(char depth, char colour, char interlace, const std::string& rows, const std::string& before = "") {
    return std::string("\x89PNG\r\n\x1A\n") + chunk("IHDR", big_endian(4) + big_endian(2) + depth + colour + std::string(2, '\0') + interlace) + before + chunk("IDAT", stored(rows)) + chunk("IEND", "");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const std::filesystem::path folder = argv[1];
    int count = 0;
    const auto put = [&](const char* target, const std::string& bytes) {
        std::filesystem::create_directories(folder / target);
        std::ofstream(folder / target / ("picture_" + std::to_string(count++)), std::ios::binary) << bytes;
    };
    Image image(24, 17);
    for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = std::uint8_t(i * 7 + i / 51 * 13);
    const std::string exif = std::string("\xFF\xE1\0\x22" "Exif\0\0MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0", 36);
    for (const int quality : {1, 60, 95}) {
        const std::string jpeg = text_of(encode_jpeg(image, quality));
        put("jpeg", jpeg);
        put("jpeg", jpeg.substr(0, 2) + exif + jpeg.substr(2));  // turned by a quarter
        put("jpeg", jpeg.substr(0, jpeg.size() * 2 / 3));
    }
    const std::string written = text_of(encode_png(image));
    put("png", written);
    put("png", "C" + written);
    const std::string row(1, '\0');
    put("png", png(8, 0, 0, row + "abcd" + row + "efgh"));                                                    // grey
    put("png", png(1, 0, 0, row + "\xA0" + row + "\x50"));                                                    // one bit
    put("png", png(16, 0, 0, row + "ABCDEFGH" + row + "IJKLMNOP"));                                           // 16-bit grey
    put("png", png(16, 2, 0, row + std::string(24, 'x') + row + std::string(24, 'y')));                       // 16-bit colour
    put("png", png(8, 6, 0, "\1" + std::string(16, 'x') + "\2" + std::string(16, 'y')));                      // alpha, filters
    put("png", png(2, 3, 0, row + "\x1B" + row + "\xE4", chunk("PLTE", "rgbRGB123456") + chunk("tRNS", "a")));  // palette, transparent
    put("png", png(8, 4, 1, std::string(40, '\0')));                                                          // interlaced
    return 0;
}
