#pragma once
#include <regulus/core/xml.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

#include <regulus/core/utf8.hpp>

namespace regulus {

namespace detail {

class XmlParser {
public:
    XmlParser(std::string_view text, const std::string& who, const XmlLimits& limits) : text_(text), who_(who), limits_(limits) {}

    XmlElement document() {
        const std::size_t bad = invalid_utf8_at(text_);
        if (bad != text_.size()) fail(bad, "the text is not UTF-8");
        take("\xEF\xBB\xBF");
        if (text_.substr(at_, 5) == "<?xml" && at_ + 5 < text_.size() && is_space(text_[at_ + 5])) skip_past("?>", "the declaration");
        skip_between();
        XmlElement root = element(1);
        skip_between();
        if (at_ != text_.size()) fail(at_, "text after the element <" + root.name + ">");
        return root;
    }

private:
    static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

    static bool is_name(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' || c == ':' || (c & 0x80) != 0;
    }

    [[noreturn]] void fail(std::size_t at, const std::string& what) const {
        const auto line = 1 + std::count(text_.begin(), text_.begin() + std::ptrdiff_t(std::min(at, text_.size())), '\n');
        throw FileError(who_ + ": line " + std::to_string(line) + " of the XML text: " + what);
    }

    bool starts(std::string_view word) const { return text_.substr(at_, word.size()) == word; }

    bool take(std::string_view word) {
        if (!starts(word)) return false;
        at_ += word.size();
        return true;
    }

    void skip_space() {
        while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    }

    void skip_past(std::string_view end, const char* what) {
        const std::size_t found = text_.find(end, at_);
        if (found == std::string_view::npos) fail(at_, std::string(what) + " does not end");
        at_ = found + end.size();
    }

    /// Comments and white space outside of elements.
    void skip_between() {
        for (skip_space(); starts("<!--"); skip_space()) comment();
    }

    void comment() {
        at_ += 4;
        skip_past("-->", "a comment");
    }

    std::string name() {
        const std::size_t begin = at_;
        while (at_ < text_.size() && is_name(text_[at_])) ++at_;
        const char first = at_ == begin ? '0' : text_[begin];
        if ((first >= '0' && first <= '9') || first == '-' || first == '.') fail(begin, "expected a name");
        return std::string(text_.substr(begin, at_ - begin));
    }

    /// Attributes up to the end of the tag; whether the element is empty.
    bool attributes(const std::string& element) {
        std::vector<std::string> seen;
        while (true) {
            const std::size_t before = at_;
            skip_space();
            if (take("/>")) return true;
            if (take(">")) return false;
            if (at_ == text_.size() || at_ == before) fail(at_, "the tag <" + element + "> does not end with '>'");
            seen.push_back(name());
            if (seen.size() > 64) fail(at_, "<" + element + "> has more than 64 attributes");
            if (std::find(seen.begin(), seen.end() - 1, seen.back()) != seen.end() - 1) fail(at_, "<" + element + "> has the attribute " + seen.back() + " twice");
            skip_space();
            if (!take("=")) fail(at_, "expected '=' after the attribute " + seen.back());
            skip_space();
            const char quote = at_ < text_.size() ? text_[at_] : ' ';
            if (quote != '"' && quote != '\'') fail(at_, "the attribute " + seen.back() + " must stand in quotes");
            const std::size_t end = std::min(text_.find_first_of(quote == '"' ? "\"<" : "'<", ++at_), text_.size());
            if (end == text_.size() || text_[end] == '<') fail(at_, "the attribute " + seen.back() + " does not end");
            std::string ignored;
            while (at_ < end) append_character(ignored);
            ++at_;
        }
    }

    void append_character(std::string& text) {
        if (text_[at_] != '&') {
            text += text_[at_++];
            return;
        }
        static constexpr std::pair<std::string_view, char> known[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
        for (const auto& [reference, character] : known) {
            if (take(reference)) {
                text += character;
                return;
            }
        }
        append_code_point(text);
    }

    /// &#65; or &#x41;
    void append_code_point(std::string& text) {
        const std::size_t begin = at_;
        std::uint32_t code = 0;
        if (!take("&#")) fail(begin, "an unknown reference; &amp; &lt; &gt; &quot; &apos; and numbers of characters are read");
        const int base = take("x") ? 16 : 10;
        const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), code, base);
        at_ = std::size_t(end - text_.data());
        const bool allowed = code == '\t' || code == '\n' || code == '\r' || (code >= 0x20 && code < 0xD800) || (code >= 0xE000 && code <= 0x10FFFF && code != 0xFFFE && code != 0xFFFF);
        if (error != std::errc() || !allowed || !take(";")) fail(begin, "a reference to no character");
        if (code < 0x80) text += char(code);
        else if (code < 0x800) text += {char(0xC0 | code >> 6), char(0x80 | (code & 0x3F))};
        else if (code < 0x10000) text += {char(0xE0 | code >> 12), char(0x80 | (code >> 6 & 0x3F)), char(0x80 | (code & 0x3F))};
        else text += {char(0xF0 | code >> 18), char(0x80 | (code >> 12 & 0x3F)), char(0x80 | (code >> 6 & 0x3F)), char(0x80 | (code & 0x3F))};
    }

    XmlElement element(std::size_t depth) {
        const std::size_t begin = at_;
        if (starts("<!DOCTYPE")) fail(begin, "document types are not read");
        if (!take("<")) fail(begin, begin == text_.size() ? "the text ends where an element should stand" : "expected an element");
        if (depth > limits_.depth) fail(begin, "more than " + std::to_string(limits_.depth) + " elements inside each other");
        if (++elements_ > limits_.elements) fail(begin, "more than " + std::to_string(limits_.elements) + " elements");
        XmlElement result;
        result.name = name();
        if (!attributes(result.name)) content(result, depth, begin);
        return result;
    }

    void content(XmlElement& result, std::size_t depth, std::size_t begin) {
        while (true) {
            if (at_ == text_.size()) fail(begin, "<" + result.name + "> is not closed");
            if (take("</")) break;
            if (starts("<!--")) {
                comment();
            } else if (take("<![CDATA[")) {
                const std::size_t first = at_;
                skip_past("]]>", "a CDATA section");
                result.text += text_.substr(first, at_ - 3 - first);
            } else if (text_[at_] == '<') {
                result.children.push_back(element(depth + 1));
            } else {
                const auto c = static_cast<unsigned char>(text_[at_]);
                if (c < 0x20 && !is_space(char(c))) fail(at_, "a control character");
                append_character(result.text);
            }
        }
        const std::size_t at = at_;
        const std::string closed = name();
        skip_space();
        if (closed != result.name || !take(">")) fail(at, "expected </" + result.name + ">");
        const std::size_t first = std::min(result.text.find_first_not_of(" \n\t\r"), result.text.size());
        result.text = result.text.substr(first, result.text.find_last_not_of(" \n\t\r") + 1 - first);
    }

    std::string_view text_;
    const std::string& who_;
    XmlLimits limits_;
    std::size_t at_ = 0;
    std::size_t elements_ = 0;
};

}  // namespace detail

REGULUS_INLINE XmlElement parse_xml(std::string_view text, const std::string& who, const XmlLimits& limits) { return detail::XmlParser(text, who, limits).document(); }

REGULUS_INLINE std::string xml_escape(std::string_view text) {
    std::string result;
    for (const char c : text) {
        switch (c) {
            case '&': result += "&amp;"; break;
            case '<': result += "&lt;"; break;
            case '>': result += "&gt;"; break;
            case '"': result += "&quot;"; break;
            case '\'': result += "&apos;"; break;
            default: result += c;
        }
    }
    return result;
}

}  // namespace regulus
