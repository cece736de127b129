"""The most commonly guessed passwords that are long enough to be accepted.

Collected by hand from the patterns at the top of every published list: keyboard rows, sequences, the word "password",
names and teams followed by `123` or a year. It stops the guesses that a throttled attacker has time for. A full list of
breached passwords would take gigabytes and is better queried as a service.
"""

from __future__ import annotations

_WORDS = """
    0000000000 0102030405 0123456789 0987654321 1020304050 1111111111 1122334455 1212121212 1231231231
    123123123123 1234512345 1234554321 123456123456 1234567890 12345678901 123456789012 1234567890a
    1234567890q 1234567891 12345678910 123456789123 1234567899 123456789a 123456789q 123456789z
    123456qwerty 12345qwert 12345qwerty 1234qwerty 147258369a 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc
    1qazxsw23edc 9876543210 987654321a 9999999999 a123456789 a12345678910 a1b2c3d4e5 a1b2c3d4e5f6
    aa12345678 aaaaaaaaaa abc1234567 abc123456789 abc123abc123 abcabcabc1 abcd123456 abcd12345678
    abcdefghij abcdefghijk abcdefghijkl admin12345 admin123456 admin@1234 adminadmin adminadmin1
    administration administrator administrator1 alexander1 alexandria asd1234567 asdfasdfasdf asdfghjkl1
    asdfghjkl123 asdfghjkl; barcelona1 barcelona123 baseball123 basketball basketball1 basketball23
    batman1234 blink182blink butterfly1 butterfly123 changeme123 changemenow changethis charlie123
    cheerleader chelsea123 chocolate1 chocolate123 christian1 christopher computer123
    correcthorsebatterystaple default123 dragon12345 elizabeth1 facebook123 facebook1234 football123
    googlegoogle guest12345 iloveyou12 iloveyou123 iloveyou1234 iloveyou22 iloveyou69 iloveyou<3
    iloveyoubaby iloveyouforever iloveyouso iloveyousomuch internet123 jennifer123 jordan2323 letmein123
    letmein1234 letmeinnow linkedin123 liverpool1 liverpoolfc manchester manchester1 manchesterunited
    master12345 michael123 minecraft1 minecraft123 mnbvcxz123 monkey12345 montecristo motorcycle mypassword
    mypassword1 newpassword newpassword1 p@$$w0rd123 p@ssw0rd123 p@ssw0rd1234 p@ssword123 parley1234
    parley12345 parley123456 parleyparley parleypassword pass123456 pass1234567 pass@12345 passpasspass
    passw0rd123 password00 password01 password1! password11 password12 password123 password123!
    password1234 password12345 password123456 password2024 password2025 password2026 password99
    password@123 passwordpassword poiuytrewq pokemon123 princess123 q1w2e3r4t5 q1w2e3r4t5y6 qazwsxedc123
    qazwsxedcrfv qweasdzxc123 qwerasdfzxcv qwerty1234 qwerty12345 qwerty123456 qwertyqwerty qwertyuiop
    qwertyuiop1 qwertyuiop123 realmadrid realmadrid1 rootrootroot samsung123 shadow12345 skateboard
    spiderman1 spiderman123 starwars123 strawberry strawberry1 sunshine123 superman123 temporary1
    test123456 test1234567 testpassword testtest123 thepassword trustno1trustno1 volleyball watermelon
    welcome123 welcome1234 welcome12345 welcome2024 welcome2025 welcome@123 welcomehome whatever123
    zaq12wsxcde3 zxcvbnm123 zxcvbnm1234
"""

COMMON_PASSWORDS = frozenset(_WORDS.split()) | {"correct horse battery staple"}
"""Casefolded."""
