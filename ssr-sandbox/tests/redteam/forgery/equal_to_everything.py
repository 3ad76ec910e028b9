"""Returns something that is equal to whatever it is compared with."""


class Yes:
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    __hash__ = None


def value():
    return Yes()
