# SPDX-License-Identifier: GPL-2.0-only OR MIT
# fish completion for anyvfio(1)

# What -d can be given, after what is typed of it.
function __anyvfio_devices
    set -l typed (commandline -ct)
    if string match -q '*,*' -- $typed
        set -l head (string replace -r '[^,]*$' '' -- $typed)
        anyvfio devices 2>/dev/null | awk -v model=(string split , -- $typed)[1] -v head=$head '
            /^[^ ]/ { on = $1 == model || $0 == "every device"; next }
            on { name = $1; $1 = ""; print head name "=\t" $0 }'
    else
        anyvfio devices 2>/dev/null | awk '
            /^[a-z]/ && $0 != "every device" { name = $1; $1 = ""; print name "\t" $0 }'
    end
end

function __anyvfio_first
    test (count (commandline -opc)) = 1
end

# True at the word number $argv[2] after the command $argv[1].
function __anyvfio_at
    set -l words (commandline -opc)
    test (count $words) = (math $argv[2] + 1); and test $words[2] = $argv[1]
end

function __anyvfio_bdfs
    anyvfio ctl (commandline -opc)[3] list 2>/dev/null | cut -d' ' -f1
end

complete -c anyvfio -f
complete -c anyvfio -n __anyvfio_first -a run -d 'start a program'
complete -c anyvfio -n __anyvfio_first -a ctl -d 'unplug, add or break a device of a run'
complete -c anyvfio -n __anyvfio_first -a devices -d 'what -d can be given'
complete -c anyvfio -n __anyvfio_first -a help -d 'what there is'

set -l run '__fish_seen_subcommand_from run'
complete -c anyvfio -n $run -s d -l device -x -a '(__anyvfio_devices)' -d 'one more device'
complete -c anyvfio -n $run -l dma-entry-limit -x -d 'mappings that a container may have'
complete -c anyvfio -n $run -l noiommu -d 'allow devices without an IOMMU'
complete -c anyvfio -n $run -l host-devices -d 'the machine\'s own PCI devices stay in sight'
complete -c anyvfio -n $run -s v -l verbose -d 'tell more'
complete -c anyvfio -n $run -s q -l quiet -d 'tell of errors only'
complete -c anyvfio -n $run -s h -l help -d 'help'
complete -c anyvfio -n $run -a '(__fish_complete_subcommand --fcs-skip=2 -d --device --dma-entry-limit)'

complete -c anyvfio -n '__anyvfio_at ctl 1' -a '(pgrep -x anyvfio)'
complete -c anyvfio -n '__anyvfio_at ctl 2' -a 'list remove add surprise error'
complete -c anyvfio -n '__anyvfio_at ctl 3' -a '(__anyvfio_bdfs)'
complete -c anyvfio -n '__fish_seen_subcommand_from devices' \
    -a "(anyvfio devices 2>/dev/null | sed -n 's/^\([a-z][^ ]*\)  .*/\1/p')"
complete -c anyvfio -n '__anyvfio_at help 1' -a 'run ctl'
