// XML: what parses, written again, parses to the same elements.
#include <cstdint>
#include <cstdlib>
#include <string>

#include <regulus/core/utf8.hpp>
#include <regulus/core/xml.hpp>

namespace {

std::string write(const regulus::XmlElement& element) {
    std::string text = "<" + element.name + ">" + regulus::xml_escape(element.text);
    for (const regulus::XmlElement& child : element.children) text += write(child);
    return text + "</" + element.name + ">";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(bytes), size);
    try {
        const std::string once = write(regulus::parse_xml(text, "test"));
        if (regulus::invalid_utf8_at(once) != once.size() || write(regulus::parse_xml(once, "test")) != once) std::abort();
    } catch (const regulus::FileError&) {}
    return 0;
}
