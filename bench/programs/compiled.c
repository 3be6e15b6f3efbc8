// Three hundred lines for a compiler: no headers, so that only the compiler's own work is measured.
struct Node { int key; struct Node *left, *right; };
int step_0(struct Node* at, int value) {
    int sum = 0;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 1;
        for (int i = 0; i < 2; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_1(struct Node* at, int value) {
    int sum = 3;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 2;
        for (int i = 0; i < 3; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_2(struct Node* at, int value) {
    int sum = 6;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 3;
        for (int i = 0; i < 4; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_3(struct Node* at, int value) {
    int sum = 9;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 4;
        for (int i = 0; i < 5; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_4(struct Node* at, int value) {
    int sum = 12;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 5;
        for (int i = 0; i < 6; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_5(struct Node* at, int value) {
    int sum = 15;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 6;
        for (int i = 0; i < 7; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_6(struct Node* at, int value) {
    int sum = 18;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 7;
        for (int i = 0; i < 8; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_7(struct Node* at, int value) {
    int sum = 21;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 8;
        for (int i = 0; i < 2; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_8(struct Node* at, int value) {
    int sum = 24;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 9;
        for (int i = 0; i < 3; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_9(struct Node* at, int value) {
    int sum = 27;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 10;
        for (int i = 0; i < 4; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_10(struct Node* at, int value) {
    int sum = 30;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 11;
        for (int i = 0; i < 5; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_11(struct Node* at, int value) {
    int sum = 33;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 12;
        for (int i = 0; i < 6; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_12(struct Node* at, int value) {
    int sum = 36;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 13;
        for (int i = 0; i < 7; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_13(struct Node* at, int value) {
    int sum = 39;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 14;
        for (int i = 0; i < 8; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_14(struct Node* at, int value) {
    int sum = 42;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 15;
        for (int i = 0; i < 2; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_15(struct Node* at, int value) {
    int sum = 45;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 16;
        for (int i = 0; i < 3; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_16(struct Node* at, int value) {
    int sum = 48;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 17;
        for (int i = 0; i < 4; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_17(struct Node* at, int value) {
    int sum = 51;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 18;
        for (int i = 0; i < 5; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_18(struct Node* at, int value) {
    int sum = 54;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 19;
        for (int i = 0; i < 6; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_19(struct Node* at, int value) {
    int sum = 57;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 20;
        for (int i = 0; i < 7; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_20(struct Node* at, int value) {
    int sum = 60;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 21;
        for (int i = 0; i < 8; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_21(struct Node* at, int value) {
    int sum = 63;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 22;
        for (int i = 0; i < 2; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_22(struct Node* at, int value) {
    int sum = 66;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 23;
        for (int i = 0; i < 3; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_23(struct Node* at, int value) {
    int sum = 69;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 24;
        for (int i = 0; i < 4; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_24(struct Node* at, int value) {
    int sum = 72;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 25;
        for (int i = 0; i < 5; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_25(struct Node* at, int value) {
    int sum = 75;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 26;
        for (int i = 0; i < 6; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_26(struct Node* at, int value) {
    int sum = 78;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 27;
        for (int i = 0; i < 7; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_27(struct Node* at, int value) {
    int sum = 81;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 28;
        for (int i = 0; i < 8; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int step_28(struct Node* at, int value) {
    int sum = 84;
    while (at) {
        if (value < at->key) at = at->left;
        else if (value > at->key) at = at->right;
        else return sum + at->key * 29;
        for (int i = 0; i < 2; ++i) sum += (value >> i) ^ (sum << 1);
    }
    return sum;
}
int all(struct Node* root, int value) {
    return step_0(root, value) + step_1(root, value) + step_2(root, value) + step_3(root, value) + step_4(root, value) +
           step_5(root, value) + step_6(root, value) + step_7(root, value) + step_8(root, value) + step_9(root, value) +
           step_10(root, value) + step_11(root, value) + step_12(root, value) + step_13(root, value) + step_14(root, value) + step_15(root, value) +
           step_16(root, value) + step_17(root, value) + step_18(root, value) + step_19(root, value) + step_20(root, value) + step_21(root, value) +
           step_22(root, value) + step_23(root, value) + step_24(root, value) + step_25(root, value) + step_26(root, value) + step_27(root, value) + step_28(root, value);
}
