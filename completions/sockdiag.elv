
set edit:completion:arg-completer[sockdiag] = { |@words|
    var index = (count $words)
    set index = (- $index 1)

    put (env _CLAP_IFS="\n" _CLAP_COMPLETE_INDEX=(to-string $index) SOCKDIAG_COMPLETE="elvish" sockdiag -- $@words) | to-lines
}

