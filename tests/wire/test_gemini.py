from antigravity_addon.wire.gemini import Blob, Content, GenerateContentRequest, Part


def test_the_size_of_a_request_is_that_of_its_texts_and_files() -> None:
    """By it large requests go beside the loop."""
    file = Blob(mime_type="image/png", data="A" * 50)
    contents = (
        Content(role="user", parts=(Part(text="x" * 10), Part(inline_data=file))),
        Content(role="model", parts=(Part(text="y" * 7), Part(function_call=None))),
    )
    assert GenerateContentRequest(contents=contents).size == 67
