// parse_xml: what it reads, and what it refuses.
#include <doctest/doctest.h>

#include <string>

#include <regulus/core/xml.hpp>

using namespace regulus;

TEST_CASE("parse_xml: elements, their text and their children in order") {
    const XmlElement root = parse_xml("\xEF\xBB\xBF<?xml version=\"1.0\"?>\n<!-- a -->\n<a verified='yes' x=\"&lt;\">\n one <b>2</b><c/> &amp; <![CDATA[<3>]]><b>&#66;&#x20AC;</b ></a>\n<!--b-->\n", "t");
    CHECK(root.name == "a");
    CHECK(root.text == "one  & <3>");
    REQUIRE(root.children.size() == 3);
    CHECK(root.children[0].text == "2");
    CHECK(root.children[1].name == "c");
    CHECK(root.children[2].text == "B\xE2\x82\xAC");
    CHECK(root.find("b") == &root.children[0]);
    CHECK(root.find("d") == nullptr);
}

TEST_CASE("parse_xml: references give every length of UTF-8") {
    CHECK(parse_xml("<a>&#x7F;&#x7FF;&#xFFFD;&#x10FFFF;</a>", "t").text == "\x7F\xDF\xBF\xEF\xBF\xBD\xF4\x8F\xBF\xBF");
    const std::string odd = "a<b>&\"'";
    CHECK(parse_xml("<a>" + xml_escape(odd) + "</a>", "t").text == odd);
}

TEST_CASE("parse_xml: refuses with the line and the reason") {
    const auto refused = [](const std::string& text, const std::string& why) { CHECK_THROWS_WITH_AS(parse_xml(text, "t"), ("t: " + why).c_str(), FileError); };
    refused("", "line 1 of the XML text: the text ends where an element should stand");
    refused("hello", "line 1 of the XML text: expected an element");
    refused("<!DOCTYPE a [<!ENTITY x \"y\">]>\n<a>&x;</a>", "line 1 of the XML text: document types are not read");
    refused("<a>\n<b>\n</a>", "line 3 of the XML text: expected </b>");
    refused("<a>\n<b>", "line 2 of the XML text: <b> is not closed");
    refused("<a></a>\n<b/>", "line 2 of the XML text: text after the element <a>");
    refused("<a>&x;</a>", "line 1 of the XML text: an unknown reference; &amp; &lt; &gt; &quot; &apos; and numbers of characters are read");
    refused("<a>&#0;</a>", "line 1 of the XML text: a reference to no character");
    refused("<a>&#xD800;</a>", "line 1 of the XML text: a reference to no character");
    refused("<a>&#99999999999;</a>", "line 1 of the XML text: a reference to no character");
    refused("<a x='1' x='2'/>", "line 1 of the XML text: <a> has the attribute x twice");
    refused("<a x=1/>", "line 1 of the XML text: the attribute x must stand in quotes");
    refused("<a x/>", "line 1 of the XML text: expected '=' after the attribute x");
    refused("<a x='<'/>", "line 1 of the XML text: the attribute x does not end");
    refused("<a x='1'y='2'/>", "line 1 of the XML text: the tag <a> does not end with '>'");
    refused("<a", "line 1 of the XML text: the tag <a> does not end with '>'");
    refused("<1/>", "line 1 of the XML text: expected a name");
    refused("<!-- a", "line 1 of the XML text: a comment does not end");
    refused("<a><![CDATA[x</a>", "line 1 of the XML text: a CDATA section does not end");
    refused("<a>\x01</a>", "line 1 of the XML text: a control character");
    refused("<a>\xFF</a>", "line 1 of the XML text: the text is not UTF-8");
}

TEST_CASE("parse_xml: depth, elements and attributes are bounded") {
    std::string deep, wide = "<a>", attributed = "<a";
    for (int i = 0; i < 100000; ++i) deep += "<a>";
    CHECK_THROWS_WITH_AS(parse_xml(deep, "t"), "t: line 1 of the XML text: more than 32 elements inside each other", FileError);
    for (int i = 0; i < 4; ++i) wide += "<b/>";
    CHECK(parse_xml(wide + "</a>", "t", {32, 5}).children.size() == 4);
    CHECK_THROWS_WITH_AS(parse_xml(wide + "</a>", "t", {32, 4}), "t: line 1 of the XML text: more than 4 elements", FileError);
    for (int i = 0; i < 65; ++i) attributed += " a" + std::to_string(i) + "=''";
    CHECK_THROWS_WITH_AS(parse_xml(attributed + "/>", "t"), "t: line 1 of the XML text: <a> has more than 64 attributes", FileError);
}
