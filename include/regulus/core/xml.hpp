#pragma once
// XML from sources that nobody vouches for: elements and their text, as annotations have them; strict, bounded, cheap to compile.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/core/error.hpp>

namespace regulus {

/// An element. Its attributes are checked and dropped.
struct XmlElement {
    std::string name;
    std::string text;  ///< what stands in it outside its children, references resolved, white space at both ends taken off
    std::vector<XmlElement> children;

    /// The first child of that name, or nullptr.
    const XmlElement* find(std::string_view child) const noexcept {
        for (const XmlElement& element : children) {
            if (element.name == child) return &element;
        }
        return nullptr;
    }
};

struct XmlLimits {
    std::size_t depth = 32;          ///< elements inside each other
    std::size_t elements = 200'000;
};

/// Parses one element, with a declaration, comments and white space around it. Document types are refused, and with them every entity of one's own; UTF-8 alone is read.
/// Throws FileError: `<who>: line 3 of the XML text: ...`.
XmlElement parse_xml(std::string_view text, const std::string& who, const XmlLimits& limits = {});

/// The text with &, <, > and quotes as references, to stand in an element.
std::string xml_escape(std::string_view text);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/core/xml-impl.hpp>
#endif
